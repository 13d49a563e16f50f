"use strict";
(function () {
  var root = document.documentElement;
  var STATES = ["newly_wrong", "both_wrong", "wrong", "newly_right", "kept", "right"];
  var WORDS = ["Newly wrong", "Both wrong", "Wrong", "Newly right", "Kept right", "Right"];
  var ROW = 64;
  function by(id) { return document.getElementById(id); }

  /* Everything that others wrote enters the page through here: as text, never as markup. */
  function make(tag, className, text) {
    var element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function decoded(text) {
    try { return decodeURIComponent(text); } catch (error) { return text; }
  }

  /* --- theme: follows the system until the button is pressed; kept nowhere ------------------- */
  function dark() {
    var set = root.getAttribute("data-theme");
    return set ? set === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function setTheme(name) { root.setAttribute("data-theme", name); }

  /* --- the packed data ----------------------------------------------------------------------- */
  function inflate(element) {
    var text = atob(element.textContent.trim());
    var bytes = new Uint8Array(text.length);
    for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text().then(JSON.parse);
  }

  var pairs = [], suites = [], tags = [], ofCheck = new Map(), at = new Map();
  var chunks = [], texts = [], loading = [], unread = 0;

  function unpack(data) {
    suites = data.suites; tags = data.tags;
    Object.keys(data.checks).forEach(function (check) { ofCheck.set(check, new Set(data.checks[check])); });
    var places = [];
    pairs = data.rows.map(function (row, index) {
      var chunk = row[8], place = -1;
      if (chunk >= 0) place = places[chunk] = places[chunk] === undefined ? 0 : places[chunk] + 1;
      var pair = {
        index: index, suite: suites[row[0]], id: row[1], tags: row[2].map(function (t) { return tags[t]; }),
        chosen: row[3], rejected: row[4], before: row[5] === null ? null : [row[5], row[6]],
        state: row[7], chunk: chunk, place: place, hay: ""
      };
      pair.key = pair.suite + "/" + pair.id;
      if (!at.has(pair.key)) at.set(pair.key, index);
      return pair;
    });
  }

  function load(chunk) {
    if (!loading[chunk]) {
      loading[chunk] = inflate(chunks[chunk]).then(function (list) {
        texts[chunk] = list;
        unread -= 1;
      });
    }
    return loading[chunk];
  }

  /* While nobody asks for anything, the texts are read one chunk after the other, and what a
     search compares is made: the first search then answers as fast as the tenth. */
  function readAhead() {
    var soonest = window.requestIdleCallback || function (next) { setTimeout(next, 50); };
    var next = 0, ready = 0;
    soonest(function step(deadline) {
      var spare = deadline && deadline.timeRemaining ? deadline.timeRemaining() : 8;
      if (next < chunks.length) load(next++).then(function () { soonest(step); });
      else if (ready < pairs.length) {
        var until = performance.now() + Math.max(4, Math.min(spare, 16));
        while (ready < pairs.length && performance.now() < until) hay(pairs[ready++]);
        soonest(step);
      }
    });
  }
  function textsOf(pair) {
    return pair.chunk < 0 || !texts[pair.chunk] ? null : texts[pair.chunk][pair.place];
  }

  /* --- numbers as the page prints them ------------------------------------------------------- */
  function number(value) {
    if (value === null || !isFinite(value)) return "–";
    if (value === 0) return "0";
    var size = Math.abs(value);
    var text = size >= 1e7 || size < 1e-4 ? value.toExponential(2)
      : value.toFixed(Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(size)))));
    return text.replace(/-/g, "−");
  }
  function grouped(count) { return String(count).replace(/\B(?=(\d{3})+$)/g, ","); }
  function signed(value) { return value > 0 ? "+" + number(value) : number(value); }

  /* --- what is shown ------------------------------------------------------------------------- */
  var wanted = { q: "", suite: "", tag: "", states: new Set(), of: "", order: "" };
  var shown = [], selected = -1;
  var list, rows, detail;

  function fits(pair, exceptState) {
    if (wanted.suite && pair.suite !== wanted.suite) return false;
    if (wanted.tag && pair.tags.indexOf(wanted.tag) < 0) return false;
    if (wanted.of && !(ofCheck.has(wanted.of) && ofCheck.get(wanted.of).has(pair.index))) return false;
    if (!exceptState && wanted.states.size && !wanted.states.has(STATES[pair.state])) return false;
    return !wanted.q || hay(pair).indexOf(wanted.q) >= 0;
  }

  /* What a search looks through: kept once the texts of the pair are there. */
  function hay(pair) {
    if (pair.hay) return pair.hay;
    var found = textsOf(pair);
    var whole = (pair.key + "\n" + pair.tags.join("\n") + "\n" + (found || []).join("\n")).toLowerCase();
    if (found || pair.chunk < 0) pair.hay = whole;
    return whole;
  }

  function margin(pair) { return pair.chosen - pair.rejected; }
  var ORDERS = {
    low: function (a, b) { return margin(a) - margin(b) || a.index - b.index; },
    high: function (a, b) { return margin(b) - margin(a) || a.index - b.index; },
    close: function (a, b) { return Math.abs(margin(a)) - Math.abs(margin(b)) || a.index - b.index; },
    id: function (a, b) { return a.key < b.key ? -1 : a.key > b.key ? 1 : 0; }
  };

  function select(pair) { selected = pair ? pair.index : -1; }

  function refresh(keepScroll) {
    var counts = {};
    shown = [];
    pairs.forEach(function (pair) {
      if (!fits(pair, true)) return;
      var state = STATES[pair.state];
      counts[state] = (counts[state] || 0) + 1;
      if (!wanted.states.size || wanted.states.has(state)) shown.push(pair);
    });
    if (ORDERS[wanted.order]) shown.sort(ORDERS[wanted.order]);
    document.querySelectorAll(".states button").forEach(function (button) {
      var state = button.getAttribute("data-state");
      button.setAttribute("aria-pressed", String(wanted.states.has(state)));
      button.querySelector("b").textContent = grouped(counts[state] || 0);
    });
    var narrowed = wanted.q || wanted.suite || wanted.tag || wanted.of || wanted.states.size;
    by("status").textContent = (narrowed ? grouped(shown.length) + " of " : "") + grouped(pairs.length) + " pairs" +
      (wanted.of ? ", those that " + wanted.of + " points to" : "") +
      (wanted.q && unread ? "; still reading texts" : "");
    by("reset").hidden = !narrowed;
    if (!shown.some(function (pair) { return pair.index === selected; })) select(shown[0]);
    rows.style.height = shown.length * ROW + "px";
    if (!keepScroll) list.scrollTop = 0;
    draw();
    show();
  }

  function position() {
    for (var i = 0; i < shown.length; i++) if (shown[i].index === selected) return i;
    return -1;
  }

  /* Only the rows in sight exist; ten thousand pairs cost no more than twenty. */
  function draw() {
    var first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
    var last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6);
    var made = document.createDocumentFragment();
    var active = "";
    for (var i = first; i < last; i++) {
      var pair = shown[i];
      var row = make("div", "row p-" + STATES[pair.state]);
      row.id = "row-" + pair.index;
      row.setAttribute("role", "option");
      row.setAttribute("aria-setsize", String(shown.length));
      row.setAttribute("aria-posinset", String(i + 1));
      row.setAttribute("aria-selected", String(pair.index === selected));
      if (pair.index === selected) active = row.id;
      row.style.top = i * ROW + "px";
      row.appendChild(icon(pair.state));
      row.appendChild(make("span", "gone", WORDS[pair.state] + ": "));
      row.appendChild(make("span", "id", pair.key));
      row.appendChild(make("span", "margin", signed(margin(pair))));
      row.appendChild(make("span", "snippet", snippet(pair)));
      made.appendChild(row);
    }
    rows.replaceChildren(made);
    if (active) list.setAttribute("aria-activedescendant", active);
    else list.removeAttribute("aria-activedescendant");
  }

  function snippet(pair) {
    var found = textsOf(pair);
    if (found) return found[0].replace(/\s+/g, " ").slice(0, 120);
    if (pair.chunk >= 0) { load(pair.chunk).then(soon); return "…"; }
    return pair.tags.join(", ") || "no text in this report";
  }

  var pending = false;
  function soon() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(function () { pending = false; draw(); });
  }

  var shapes = {};
  function icon(state) {
    return document.importNode(shapes[STATES[state]].content, true).firstElementChild;
  }

  function scoreRow(name, two) {
    var row = make("tr"), head = make("th", "", name);
    head.scope = "row";
    row.appendChild(head);
    row.appendChild(make("td", "num" + (two[0] > two[1] ? " ahead" : ""), number(two[0])));
    row.appendChild(make("td", "num" + (two[1] > two[0] ? " ahead" : ""), number(two[1])));
    row.appendChild(make("td", "num" + (two[0] > two[1] ? "" : " wrong"), signed(two[0] - two[1])));
    return row;
  }

  function block(title, text, mark) {
    var box = make("div", "text" + (mark ? " prefers" : "")), head = make("h5", "", title);
    if (mark) head.appendChild(make("b", "", mark));
    var body = make("p", "", text);
    body.dir = "auto";
    box.appendChild(head);
    box.appendChild(body);
    return box;
  }

  function link(pair) {
    return "#pair=" + encodeURIComponent(pair.suite) + "/" + encodeURIComponent(pair.id);
  }

  function show() {
    detail.replaceChildren();
    if (selected < 0) { detail.appendChild(make("p", "remark", "No pair fits.")); return; }
    var pair = pairs[selected];
    detail.className = "detail p-" + STATES[pair.state];
    var head = make("h3");
    head.appendChild(icon(pair.state));
    head.appendChild(make("span", "", WORDS[pair.state]));
    pair.tags.forEach(function (tag) { head.appendChild(make("span", "tag", tag)); });
    detail.appendChild(head);
    var top = make("div", "top"), here = make("a", "", pair.key);
    here.href = link(pair);
    top.appendChild(here);
    var move = make("span", "move");
    [["Previous", -1], ["Next", 1]].forEach(function (each) {
      var button = make("button", "", each[0]);
      button.type = "button";
      button.disabled = !shown[position() + each[1]];
      button.addEventListener("click", function () {
        go(position() + each[1]);
        var again = detail.querySelectorAll(".move button")[each[1] > 0 ? 1 : 0];
        if (again) again.focus();
      });
      move.appendChild(button);
    });
    top.appendChild(move);
    detail.appendChild(top);
    var table = make("table", "grid scores"), thead = make("thead"), names = make("tr");
    names.appendChild(make("td"));
    ["chosen", "rejected", "margin"].forEach(function (name) {
      var cell = make("th", "num", name);
      cell.scope = "col";
      names.appendChild(cell);
    });
    thead.appendChild(names);
    table.appendChild(thead);
    var body = make("tbody");
    body.appendChild(scoreRow("candidate", [pair.chosen, pair.rejected]));
    if (pair.before) body.appendChild(scoreRow("baseline", pair.before));
    table.appendChild(body);
    detail.appendChild(table);
    var found = textsOf(pair);
    if (found) {
      var prompt = block("Prompt", found[0]);
      prompt.className += " prompt";
      detail.appendChild(prompt);
      var sides = make("div", "sides"), says = "the model prefers this";
      sides.appendChild(block("Chosen, the better one", found[1], pair.chosen > pair.rejected ? says : ""));
      sides.appendChild(block("Rejected", found[2], pair.rejected > pair.chosen ? says : ""));
      detail.appendChild(sides);
    } else if (pair.chunk >= 0) {
      detail.appendChild(make("p", "remark", "Loading the texts …"));
      load(pair.chunk).then(function () { if (selected === pair.index) show(); });
    } else {
      detail.appendChild(make("p", "remark", "This report does not carry the texts of this pair."));
    }
    detail.scrollTop = 0;
  }

  function go(place, quiet) {
    if (!shown.length) return;
    place = Math.max(0, Math.min(shown.length - 1, place));
    select(shown[place]);
    var top = place * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    draw();
    show();
    if (!quiet) remember(link(shown[place]));
  }

  function remember(hash) {
    try { history.replaceState(null, "", hash); } catch (error) { /* a frame that forbids it */ }
  }

  function selection() {
    var parts = ["#pairs"];
    function add(key, value) { if (value) parts.push(key + "=" + encodeURIComponent(value)); }
    add("suite", wanted.suite);
    add("tag", wanted.tag);
    add("state", Array.from(wanted.states).join(","));
    add("of", wanted.of);
    add("q", wanted.q);
    return parts.join("&");
  }

  /* --- links into the page ------------------------------------------------------------------- */
  function follow() {
    var hash = location.hash.slice(1);
    var theme = /(?:^|&)theme=(dark|light)(?:&|$)/.exec(hash);
    if (theme) setTheme(theme[1]);
    if (hash.indexOf("check=") === 0 || hash.indexOf("suite=") === 0) {
      var target = by(hash) || by(decoded(hash)) || find(decoded(hash));
      if (!target) return;
      if (target.tagName === "DETAILS") target.open = true;
      target.scrollIntoView();
    } else if (hash.indexOf("pair=") === 0 && pairs.length) {
      var name = hash.slice(5);
      var index = at.has(name) ? at.get(name) : at.get(decoded(name));
      if (index === undefined) return;
      selected = index;
      if (!fits(pairs[index], false)) { clear(); selected = index; }
      refresh(true);
      go(position(), true);
      (window.innerWidth < 736 ? detail : by("browser")).scrollIntoView();
    } else if (hash === "pairs" || hash.indexOf("pairs&") === 0) {
      if (hash === "pairs" || !pairs.length) return;
      clear();
      hash.split("&").slice(1).forEach(function (part) {
        var cut = part.indexOf("="), key = part.slice(0, cut), value = decoded(part.slice(cut + 1));
        if (key === "state") value.split(",").forEach(function (s) { if (STATES.indexOf(s) >= 0) wanted.states.add(s); });
        else if (key === "suite" || key === "tag" || key === "of") wanted[key] = value;
        else if (key === "q") { wanted.q = value.toLowerCase(); by("find").value = value; }
      });
      by("of-suite").value = wanted.suite;
      by("of-tag").value = wanted.tag;
      search();
      by("pairs").scrollIntoView();
    }
  }

  /* The fragment may be written plainly where the id is quoted, and the other way round. */
  function find(name) {
    var every = document.querySelectorAll("details.check, section.suite");
    for (var i = 0; i < every.length; i++) if (decoded(every[i].id) === name) return every[i];
    return null;
  }

  function clear() {
    wanted = { q: "", suite: "", tag: "", states: new Set(), of: "", order: wanted.order };
    by("find").value = "";
    by("of-suite").value = "";
    by("of-tag").value = "";
  }

  /* Shows at once what fits so far; where texts are still packed, again when they are not. */
  function search() {
    refresh();
    if (!wanted.q || !unread) return;
    Promise.all(chunks.map(function (chunk, index) { return load(index); })).then(function () { refresh(); });
  }

  /* --- set up -------------------------------------------------------------------------------- */
  function options(select, names) {
    names.slice().sort().forEach(function (name) {
      var option = make("option", "", name);
      option.value = name;
      select.appendChild(option);
    });
  }

  function listen() {
    var timer = 0;
    by("find").addEventListener("input", function (event) {
      clearTimeout(timer);
      timer = setTimeout(function () {
        wanted.q = event.target.value.trim().toLowerCase();
        search();
        remember(selection());
      }, pairs.length > 20000 ? 100 : 20);
    });
    document.querySelector(".tools").addEventListener("submit", function (event) { event.preventDefault(); });
    [["of-suite", "suite"], ["of-tag", "tag"], ["order", "order"]].forEach(function (each) {
      by(each[0]).addEventListener("change", function (event) {
        wanted[each[1]] = event.target.value;
        refresh();
        remember(selection());
      });
    });
    document.querySelectorAll(".states button").forEach(function (button) {
      button.addEventListener("click", function () {
        var state = button.getAttribute("data-state");
        if (!wanted.states.delete(state)) wanted.states.add(state);
        refresh();
        remember(selection());
      });
    });
    by("reset").addEventListener("click", function () { clear(); refresh(); remember("#pairs"); });
    list.addEventListener("scroll", soon, { passive: true });
    window.addEventListener("resize", soon);
    rows.addEventListener("click", function (event) {
      var row = event.target.closest(".row");
      if (!row) return;
      select(pairs[Number(row.id.slice(4))]);
      go(position());
      if (window.innerWidth < 736) detail.scrollIntoView();
    });
    list.addEventListener("keydown", function (event) {
      var page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1), here = position();
      var to = { ArrowDown: here + 1, j: here + 1, ArrowUp: here - 1, k: here - 1, PageDown: here + page,
        PageUp: here - page, Home: 0, End: shown.length - 1 }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (to !== undefined) { event.preventDefault(); go(to); }
      else if (event.key === "Enter") { event.preventDefault(); detail.focus(); }
    });
    detail.addEventListener("keydown", function (event) {
      if (event.key === "Escape") list.focus();
    });
    document.addEventListener("keydown", function (event) {
      var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); by("find").focus(); }
    });
  }

  root.classList.add("js");
  by("theme").addEventListener("click", function () { setTheme(dark() ? "light" : "dark"); });
  if (by("copy")) {
    if (!navigator.clipboard) by("copy").hidden = true;
    by("copy").addEventListener("click", function () {
      navigator.clipboard.writeText(by("command").textContent).then(
        function () { by("copy").textContent = "Copied"; },
        function () { by("copy").hidden = true; }
      );
    });
  }
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (details) { details.open = true; });
  });
  window.addEventListener("hashchange", follow);
  document.addEventListener("click", function (event) {
    var point = event.target.closest("[data-go]");
    if (point) { location.hash = point.getAttribute("data-go"); return; }
    /* A second click on the same link changes no fragment, so no event would tell of it. */
    var link = event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) follow();
  });

  if (!by("data-rows")) { follow(); return; }
  if (typeof DecompressionStream === "undefined") {
    by("cannot").textContent = "This browser is too old to unpack all pairs; the worst ones stand below.";
    by("cannot").hidden = false;
    follow();
    return;
  }
  chunks = Array.from(document.querySelectorAll(".data-texts"));
  unread = chunks.length;
  list = by("list"); rows = by("rows"); detail = by("detail");
  document.querySelectorAll("template.shape").forEach(function (template) {
    shapes[template.getAttribute("data-state")] = template;
  });
  inflate(by("data-rows")).then(function (data) {
    unpack(data);
    options(by("of-suite"), suites);
    options(by("of-tag"), tags);
    by("browser").hidden = false;
    root.classList.add("live");
    listen();
    refresh();
    follow();
    readAhead();
  }).catch(function () {
    by("cannot").textContent = "The pairs could not be unpacked; the worst ones stand below.";
    by("cannot").hidden = false;
    follow();
  });
})();
