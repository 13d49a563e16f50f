/* The pair browser: what is shown of the pairs, the rows in sight, and the one that is read. */
(function (page, pairs) {
  "use strict";
  var STATES = ["newly_wrong", "both_wrong", "wrong", "newly_right", "kept", "right"];
  var WORDS = ["Newly wrong", "Both wrong", "Wrong", "Newly right", "Both right", "Right"];
  var ROW = 64;
  var by = page.by, margin = pairs.margin;

  /* All text from outside is added to the page here: as text, never as markup. */
  function make(tag, className, text) {
    var element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
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
  var shown = [], selected = null;
  var list = by("list"), rows = by("rows"), detail = by("detail"), panes = by("panes");

  function fits(pair, exceptState) {
    if (wanted.suite && pair.suites.indexOf(wanted.suite) < 0) return false;
    if (wanted.tag && pair.tags.indexOf(wanted.tag) < 0) return false;
    if (wanted.of && !pairs.isOf(wanted.of, pair)) return false;
    if (!exceptState && wanted.states.size && !wanted.states.has(STATES[pair.state])) return false;
    return !wanted.q || pairs.hay(pair).indexOf(wanted.q) >= 0;
  }

  var ORDERS = {
    low: function (a, b) { return margin(a) - margin(b) || a.index - b.index; },
    high: function (a, b) { return margin(b) - margin(a) || a.index - b.index; },
    close: function (a, b) { return Math.abs(margin(a)) - Math.abs(margin(b)) || a.index - b.index; },
    id: function (a, b) { return a.key < b.key ? -1 : a.key > b.key ? 1 : 0; }
  };

  function refresh(keepScroll) {
    var counts = {};
    shown = [];
    pairs.all.forEach(function (pair) {
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
    by("status").textContent = (narrowed ? grouped(shown.length) + " of " : "") + grouped(pairs.all.length) +
      (pairs.all.length === 1 ? " pair" : " pairs") +
      (by("browser").dataset.leftOut ? " listed, " + by("browser").dataset.leftOut + " left out" : "") +
      (wanted.of ? ", listed by " + wanted.of + "" : "") +
      (wanted.q && pairs.areUnread() ? "; still reading texts" : "");
    by("reset").hidden = !narrowed;
    if (position() < 0) selected = shown[0] || null;
    rows.style.height = shown.length * ROW + "px";
    panes.classList.remove("reading");
    if (!keepScroll) list.scrollTop = 0;
    draw();
    show();
  }

  function position() { return shown.indexOf(selected); }

  /* Only the rows in sight exist; ten thousand pairs cost as much as twenty. */
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
      row.setAttribute("aria-selected", String(pair === selected));
      if (pair === selected) active = row.id;
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
    var found = pairs.textsOf(pair);
    if (found) return found[0].replace(/\s+/g, " ").slice(0, 120);
    if (pairs.hasTexts(pair)) { pairs.loadTexts(pair).then(soon); return "…"; }
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

  /* `parts` are runs of [text, whether only this text has it]; `tag` marks those. */
  function block(title, parts, mark, tag) {
    var box = make("div", "text" + (mark ? " prefers" : "")), head = make("h5", "", title);
    if (mark) head.appendChild(make("b", "", mark));
    var body = make("p");
    parts.forEach(function (part) {
      body.appendChild(part[1] ? make(tag, "", part[0]) : document.createTextNode(part[0]));
    });
    body.dir = "auto";
    box.appendChild(head);
    box.appendChild(body);
    return box;
  }

  function link(pair) {
    return "#pair=" + encodeURIComponent(pair.suites[0]) + "/" + encodeURIComponent(pair.id);
  }

  function show() {
    detail.replaceChildren();
    var pair = selected;
    if (!pair) { detail.appendChild(make("p", "remark", "No pairs match.")); return; }
    detail.className = "detail p-" + STATES[pair.state];
    var head = make("h3");
    head.appendChild(icon(pair.state));
    head.appendChild(make("span", "", WORDS[pair.state]));
    pair.tags.forEach(function (tag) { head.appendChild(make("span", "tag", tag)); });
    detail.appendChild(head);
    var top = make("div", "top"), here = make("a", "", pair.key);
    here.href = link(pair);
    top.appendChild(here);
    if (pair.suites.length > 1) top.appendChild(make("span", "also", "also in " + pair.suites.slice(1).join(", ")));
    var move = make("span", "move"), back = make("button", "back", "Back to the list");
    back.type = "button";
    back.addEventListener("click", function () { read(false); list.focus(); });
    move.appendChild(back);
    [["Previous", -1], ["Next", 1]].forEach(function (each) {
      var button = make("button", "", each[0]);
      button.type = "button";
      button.disabled = !shown[position() + each[1]];
      button.addEventListener("click", function () {
        go(position() + each[1]);
        var again = detail.querySelectorAll(".move button:not(.back)")[each[1] > 0 ? 1 : 0];
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
    var found = pairs.textsOf(pair);
    if (found) {
      var prompt = block("Prompt", [[found[0], false]]);
      prompt.className += " prompt";
      detail.appendChild(prompt);
      var sides = make("div", "sides"), says = "scored higher";
      var marked = rmcheck.diff.between(found[1], found[2]), parts = marked || [[[found[1], false]], [[found[2], false]]];
      sides.appendChild(block("Chosen (better)", parts[0], pair.chosen > pair.rejected ? says : "", "ins"));
      sides.appendChild(block("Rejected", parts[1], pair.rejected > pair.chosen ? says : "", "del"));
      detail.appendChild(sides);
      if (marked) detail.appendChild(make("p", "remark marks", "Words that only one response has are underlined: solid in chosen, dashed in rejected."));
    } else if (pairs.hasTexts(pair)) {
      detail.appendChild(make("p", "remark", "Loading the texts …"));
      pairs.loadTexts(pair).then(function () { if (selected === pair) show(); });
    } else {
      detail.appendChild(make("p", "remark", "This report does not include the texts of this pair."));
    }
    detail.scrollTop = 0;
  }

  /* On a narrow screen the pair that is read replaces the list, so that it is seen at once. */
  function narrow() { return window.innerWidth < 736; }
  function read(yes) {
    panes.classList.toggle("reading", yes);
    if (yes && narrow()) panes.scrollIntoView();
    if (!yes) go(position(), true);
  }

  function go(place, quiet) {
    if (!shown.length) return;
    place = Math.max(0, Math.min(shown.length - 1, place));
    selected = shown[place];
    var top = place * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    draw();
    show();
    if (!quiet) page.remember(link(shown[place]));
  }

  /* --- links to a pair, and to what is shown ------------------------------------------------- */
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

  function follow(hash) {
    if (hash.indexOf("pair=") === 0) openPair(hash.slice(5));
    else if (hash.indexOf("pairs&") === 0) select(hash.split("&").slice(1));
  }

  function openPair(name) {
    var pair = pairs.named(name) || pairs.named(page.decoded(name));
    if (!pair) return;
    selected = pair;
    if (!fits(pair, false)) clear();
    refresh(true);
    go(position(), true);
    if (narrow()) read(true);
    else by("browser").scrollIntoView();
  }

  function select(parts) {
    clear();
    parts.forEach(function (part) {
      var cut = part.indexOf("="), key = part.slice(0, cut), value = page.decoded(part.slice(cut + 1));
      if (key === "state") value.split(",").forEach(function (s) { if (STATES.indexOf(s) >= 0) wanted.states.add(s); });
      else if (key === "suite" || key === "tag" || key === "of") wanted[key] = value;
      else if (key === "q") { wanted.q = value.toLowerCase(); by("find").value = value; }
    });
    by("of-suite").value = wanted.suite;
    by("of-tag").value = wanted.tag;
    search();
    by("pairs").scrollIntoView();
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
    if (wanted.q && pairs.areUnread()) pairs.loadAll().then(function () { refresh(); });
  }

  /* --- set up -------------------------------------------------------------------------------- */
  function options(menu, names) {
    names.slice().sort().forEach(function (name) {
      var option = make("option", "", name);
      option.value = name;
      menu.appendChild(option);
    });
  }

  function listen() {
    var timer = 0;
    by("find").addEventListener("input", function (event) {
      clearTimeout(timer);
      timer = setTimeout(function () {
        wanted.q = event.target.value.trim().toLowerCase();
        search();
        page.remember(selection());
      }, pairs.all.length > 20000 ? 100 : 20);
    });
    document.querySelector(".tools").addEventListener("submit", function (event) { event.preventDefault(); });
    [["of-suite", "suite"], ["of-tag", "tag"], ["order", "order"]].forEach(function (each) {
      by(each[0]).addEventListener("change", function (event) {
        wanted[each[1]] = event.target.value;
        refresh();
        page.remember(selection());
      });
    });
    document.querySelectorAll(".states button").forEach(function (button) {
      button.addEventListener("click", function () {
        var state = button.getAttribute("data-state");
        if (!wanted.states.delete(state)) wanted.states.add(state);
        refresh();
        page.remember(selection());
      });
    });
    by("reset").addEventListener("click", function () { clear(); refresh(); page.remember("#pairs"); });
    list.addEventListener("scroll", soon, { passive: true });
    window.addEventListener("resize", soon);
    rows.addEventListener("click", function (event) {
      var row = event.target.closest(".row");
      if (!row) return;
      selected = pairs.all[Number(row.id.slice(4))];
      go(position());
      read(true);
    });
    list.addEventListener("keydown", function (event) {
      var sight = Math.max(1, Math.floor(list.clientHeight / ROW) - 1), here = position();
      var to = { ArrowDown: here + 1, j: here + 1, ArrowUp: here - 1, k: here - 1, PageDown: here + sight,
        PageUp: here - sight, Home: 0, End: shown.length - 1 }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (to !== undefined) { event.preventDefault(); go(to); }
      else if (event.key === "Enter") { event.preventDefault(); read(true); detail.focus(); }
    });
    detail.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { read(false); list.focus(); }
    });
    document.addEventListener("keydown", function (event) {
      var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); by("find").focus(); }
    });
  }

  /* If this fails, the worst pairs are still in the page below. */
  function start() {
    document.querySelectorAll("template.shape").forEach(function (template) {
      shapes[template.getAttribute("data-state")] = template;
    });
    return pairs.read(by("data-rows"), Array.from(document.querySelectorAll(".data-texts"))).then(function (names) {
      options(by("of-suite"), names.suites);
      options(by("of-tag"), names.tags);
      by("browser").hidden = false;
      document.documentElement.classList.add("live");
      listen();
      refresh();
      page.alsoFollow(follow);
      page.follow();
      pairs.readAhead();
    });
  }

  function giveUp(reason) {
    by("cannot").textContent = reason + "; the worst ones are shown below.";
    by("cannot").hidden = false;
    page.follow();
  }

  if (!by("data-rows")) page.follow();
  else if (typeof DecompressionStream === "undefined") giveUp("This browser is too old to unpack all pairs");
  else start().catch(function () { giveUp("The pairs could not be unpacked"); });
})(rmcheck.page, rmcheck.pairs);
