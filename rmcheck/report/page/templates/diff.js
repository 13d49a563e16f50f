/* The words in which two texts differ. Bounded: what is too long or too different has no marks. */
rmcheck.diff = (function () {
  "use strict";
  var CELLS = 8000000, ALIKE = 0.3;

  function words(text) { return text.match(/[\p{L}\p{N}_']+|\s+|[^\p{L}\p{N}_'\s]/gu) || []; }
  function blank(word) { return /^\s/.test(word); }

  /* Two lists of [text, whether only this side has it]; null where marks would not help. */
  function between(left, right) {
    if (left.length + right.length > 200000) return null;
    var a = words(left), b = words(right), from = 0, ends = 0;
    while (from < a.length && from < b.length && a[from] === b[from]) from++;
    while (ends < a.length - from && ends < b.length - from && a[a.length - 1 - ends] === b[b.length - 1 - ends]) ends++;
    var rows = a.length - from - ends, columns = b.length - from - ends;
    if ((rows + 1) * (columns + 1) > CELLS) return null;
    var kept = common(a, b, from, rows, columns);
    var same = count(a, kept[0]), longer = Math.max(count(a), count(b));
    if (same < Math.max(1, ALIKE * longer)) return null;
    return [runs(a, kept[0]), runs(b, kept[1])];
  }

  /* Longest common subsequence of the middles; per side, which words the other side has too. */
  function common(a, b, from, rows, columns) {
    var wide = columns + 1, best = new Uint16Array((rows + 1) * wide), i, j;
    for (i = rows - 1; i >= 0; i--) {
      for (j = columns - 1; j >= 0; j--) {
        best[i * wide + j] = a[from + i] === b[from + j] ? best[(i + 1) * wide + j + 1] + 1
          : Math.max(best[(i + 1) * wide + j], best[i * wide + j + 1]);
      }
    }
    var left = a.map(function (_, at) { return at < from || at >= from + rows; });
    var right = b.map(function (_, at) { return at < from || at >= from + columns; });
    for (i = 0, j = 0; i < rows && j < columns;) {
      if (a[from + i] === b[from + j]) { left[from + i++] = true; right[from + j++] = true; }
      else if (best[(i + 1) * wide + j] >= best[i * wide + j + 1]) i++;
      else j++;
    }
    return [left, right];
  }

  function count(list, kept) {
    return list.reduce(function (sum, word, at) { return sum + (!blank(word) && (!kept || kept[at]) ? 1 : 0); }, 0);
  }

  /* Neighbours of one kind become one run; blanks between two marked words are marked with them. */
  function runs(list, kept) {
    var made = [];
    list.forEach(function (word, at) {
      var last = made[made.length - 1];
      var own = blank(word) ? Boolean(last && last[1] && at + 1 < list.length && !kept[at + 1]) : !kept[at];
      if (last && last[1] === own) last[0] += word;
      else made.push([word, own]);
    });
    return made;
  }

  return { between: between };
})();
