/* The pairs of the run: unpacked, with their texts, which are loaded chunk by chunk. Draws nothing. */
rmcheck.pairs = (function () {
  "use strict";
  var all = [], ofCheck = new Map(), byKey = new Map();
  var chunks = [], texts = [], loading = [], unread = 0;

  function inflate(element) {
    var text = atob(element.textContent.trim());
    var bytes = new Uint8Array(text.length);
    for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text().then(JSON.parse);
  }

  /* Unpacks the rows; gives the names of the suites and of the tags. The texts stay packed. */
  function read(rows, textChunks) {
    chunks = textChunks;
    unread = chunks.length;
    return inflate(rows).then(function (data) {
      unpack(data);
      return { suites: data.suites, tags: data.tags };
    });
  }

  function unpack(data) {
    Object.keys(data.checks).forEach(function (check) { ofCheck.set(check, new Set(data.checks[check])); });
    var places = [];
    data.rows.forEach(function (row, index) {
      var chunk = row[8], place = -1;
      if (chunk >= 0) place = places[chunk] = places[chunk] === undefined ? 0 : places[chunk] + 1;
      var pair = {
        index: index, suites: row[0].map(function (suite) { return data.suites[suite]; }), id: row[1],
        tags: row[2].map(function (tag) { return data.tags[tag]; }),
        chosen: row[3], rejected: row[4], before: row[5] === null ? null : [row[5], row[6]],
        state: row[7], chunk: chunk, place: place, hay: ""
      };
      pair.key = pair.suites[0] + "/" + pair.id;
      pair.suites.forEach(function (suite) {
        var key = suite + "/" + pair.id;
        if (!byKey.has(key)) byKey.set(key, pair);
      });
      all.push(pair);
    });
  }

  function named(key) { return byKey.get(key); }
  function margin(pair) { return pair.chosen - pair.rejected; }

  /* Whether a check's evidence points to the pair. */
  function isOf(check, pair) { return ofCheck.has(check) && ofCheck.get(check).has(pair.index); }

  /* --- the texts ----------------------------------------------------------------------------- */
  function hasTexts(pair) { return pair.chunk >= 0; }

  /* Prompt, chosen and rejected; null where they are still packed, or not in the page. */
  function textsOf(pair) {
    return !hasTexts(pair) || !texts[pair.chunk] ? null : texts[pair.chunk][pair.place];
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
  function loadTexts(pair) { return load(pair.chunk); }
  function loadAll() { return Promise.all(chunks.map(function (chunk, index) { return load(index); })); }
  function areUnread() { return unread > 0; }

  /* What a search looks through: kept once the texts of the pair are there. */
  function hay(pair) {
    if (pair.hay) return pair.hay;
    var found = textsOf(pair);
    var whole = (pair.key + "\n" + pair.tags.join("\n") + "\n" + (found || []).join("\n")).toLowerCase();
    if (found || !hasTexts(pair)) pair.hay = whole;
    return whole;
  }

  /* While nobody asks for anything, the texts are read one chunk after the other, and what a
     search compares is made: the first search then answers as fast as the tenth. */
  function readAhead() {
    var soonest = window.requestIdleCallback || function (next) { setTimeout(next, 50); };
    var next = 0, ready = 0;
    soonest(function step(deadline) {
      var spare = deadline && deadline.timeRemaining ? deadline.timeRemaining() : 8;
      if (next < chunks.length) load(next++).then(function () { soonest(step); });
      else if (ready < all.length) {
        var until = performance.now() + Math.max(4, Math.min(spare, 16));
        while (ready < all.length && performance.now() < until) hay(all[ready++]);
        soonest(step);
      }
    });
  }

  return {
    all: all, read: read, named: named, margin: margin, isOf: isOf, hasTexts: hasTexts, textsOf: textsOf,
    loadTexts: loadTexts, loadAll: loadAll, areUnread: areUnread, hay: hay, readAhead: readAhead
  };
})();
