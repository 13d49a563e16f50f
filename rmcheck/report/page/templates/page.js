/* The page: its colours, links into it, what it copies and prints. It works without the pairs. */
var rmcheck = {};
rmcheck.page = (function () {
  "use strict";
  var root = document.documentElement;
  var readers = [];
  function by(id) { return document.getElementById(id); }

  /* Follows the system until the button is pressed; not stored. */
  function dark() {
    var set = root.getAttribute("data-theme");
    return set ? set === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function setTheme(name) { root.setAttribute("data-theme", name); }

  function decoded(text) {
    try { return decodeURIComponent(text); } catch (error) { return text; }
  }

  /* Opens what the fragment of the address names: a check, a suite, or what a reader handles. */
  function follow() {
    var hash = location.hash.slice(1);
    var theme = /(?:^|&)theme=(dark|light)(?:&|$)/.exec(hash);
    if (theme) setTheme(theme[1]);
    if (hash.indexOf("check=") === 0 || hash.indexOf("suite=") === 0) {
      var target = by(hash) || by(decoded(hash)) || find(decoded(hash));
      if (!target) return;
      for (var fold = target; fold; fold = fold.parentElement) if (fold.tagName === "DETAILS") fold.open = true;
      target.scrollIntoView();
    } else readers.forEach(function (read) { read(hash); });
  }

  /* The fragment may be written plainly where the id is quoted, and the other way round. */
  function find(name) {
    var every = document.querySelectorAll("details.check, details.suite");
    for (var i = 0; i < every.length; i++) if (decoded(every[i].id) === name) return every[i];
    return null;
  }

  /* Has `read` called with each fragment that is followed and names no check and no suite. */
  function alsoFollow(read) { readers.push(read); }

  function remember(hash) {
    try { history.replaceState(null, "", hash); } catch (error) { /* a frame that forbids it */ }
  }

  root.classList.add("js");
  by("theme").addEventListener("click", function () { setTheme(dark() ? "light" : "dark"); });
  /* A button copies the command that it is beside. */
  document.querySelectorAll("button.copy").forEach(function (button) {
    if (!navigator.clipboard) button.hidden = true;
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(button.parentNode.querySelector("pre code").textContent).then(
        function () { button.textContent = "Copied"; },
        function () { button.hidden = true; }
      );
    });
  });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (details) { details.open = true; });
  });
  window.addEventListener("hashchange", follow);
  document.addEventListener("click", function (event) {
    var point = event.target.closest("[data-go]");
    if (point) { location.hash = point.getAttribute("data-go"); return; }
    /* A second click on the same link changes no fragment, so it fires no event. */
    var link = event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) follow();
  });

  return { by: by, decoded: decoded, follow: follow, alsoFollow: alsoFollow, remember: remember };
})();
