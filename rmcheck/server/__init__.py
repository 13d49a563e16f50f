"""`rmcheck serve`: a reward source as a server, with the requests of vLLM and of TEI.

Needs the extra `serve`. `application` (in `rmcheck.server.application`) makes the ASGI app.
"""
