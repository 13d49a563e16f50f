/* What the models gave: bars, ranks, the probabilities of all pairs, and the running reward. */
var rmcheck = {};
rmcheck.drawing = (function () {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const MOST = 12; // responses of which every pair has a place in the table

  function make(name, className, text) {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function sigmoid(x) {
    return 1 / (1 + Math.exp(-x));
  }

  function digits(x, places) {
    return x.toFixed(places).replace("-", "−");
  }

  // The rank of each: 1 and how many are greater.
  function ranks(rewards) {
    return rewards.map((one) => 1 + rewards.filter((other) => other > one).length);
  }

  function scoreOf(name, index, rewards, place, rank) {
    const best = Math.max(...rewards);
    const worst = Math.min(...rewards);
    const mine = rewards[place];
    const box = make("div", `score-of model-${index}${rank === 1 ? " first" : ""}`);
    if (name) box.append(make("small", "", name));
    const line = make("p");
    line.append(make("strong", "", digits(mine, 4)), make("span", "rank", `rank ${rank}`));
    const track = make("div", "track");
    const bar = make("span", "fill-bar");
    const share = best > worst ? (mine - worst) / (best - worst) : 1;
    bar.style.width = `${(100 * share).toFixed(2)}%`;
    track.append(bar);
    const gap = best - mine;
    const against = rank === 1 ? "preferred" : `σ(${digits(gap, 3)}) = ${digits(sigmoid(gap), 3)} that the first one is preferred`;
    box.append(line, track, make("p", "sigma", against));
    return box;
  }

  function matrix(name, rewards) {
    const box = make("div", "matrix");
    const scroll = make("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", `Probabilities of ${name}`);
    const table = make("table");
    const head = make("tr");
    head.append(make("td"));
    rewards.forEach((_, column) => {
      const cell = make("th", "", `${column + 1}`);
      cell.scope = "col";
      head.append(cell);
    });
    const top = make("thead");
    top.append(head);
    const body = make("tbody");
    rewards.forEach((one, row) => {
      const line = make("tr");
      const title = make("th", "", `Response ${row + 1}`);
      title.scope = "row";
      line.append(title);
      rewards.forEach((other, column) => {
        const chance = sigmoid(one - other);
        const cell = make("td", one > other ? "likely" : "", row === column ? "–" : digits(chance, 3));
        line.append(cell);
      });
      body.append(line);
    });
    table.append(make("caption", "", name), top, body);
    scroll.append(table);
    box.append(scroll);
    return box;
  }

  function agreement(rewards) {
    if (rewards.length < 2) return "";
    const [first, second] = rewards;
    let pairs = 0;
    let apart = 0;
    for (let row = 0; row < first.length; row += 1) {
      for (let other = 0; other < row; other += 1) {
        pairs += 1;
        const signs = [first, second].map((each) => Math.sign(each[row] - each[other]));
        apart += signs[0] === signs[1] ? 0 : 1;
      }
    }
    if (!apart) return "Both models order the responses in the same way.";
    return `The models order ${apart} of ${pairs} ${pairs === 1 ? "pair" : "pairs"} differently.`;
  }

  function show(models, rewards, cards, trace) {
    const places = rewards.map(ranks);
    cards.forEach((card, place) => {
      const each = models.map((name, index) =>
        scoreOf(models.length > 1 ? name : "", index, rewards[index], place, places[index][place]),
      );
      card.querySelector(".scores").replaceChildren(...each);
      card.classList.toggle("best", places[0][place] === 1);
      const button = make("button", "", "Where the reward comes from");
      button.type = "button";
      const box = make("div");
      button.setAttribute("aria-expanded", "false");
      button.addEventListener("click", () => {
        const open = button.getAttribute("aria-expanded") === "true";
        button.setAttribute("aria-expanded", String(!open));
        if (open) box.replaceChildren();
        else trace(place, box);
      });
      card.querySelector(".traces").replaceChildren(button, box);
    });
    const several = rewards[0].length > 1 && rewards[0].length <= MOST;
    const tables = several ? models.map((name, index) => matrix(name, rewards[index])) : [];
    document.getElementById("matrices").replaceChildren(...tables);
    document.getElementById("agreement").textContent = agreement(rewards);
    document.getElementById("result").hidden = rewards[0].length < 2;
  }

  function curve(rewards) {
    const low = Math.min(...rewards);
    const high = Math.max(...rewards);
    const x = (place) => (rewards.length > 1 ? (100 * place) / (rewards.length - 1) : 0);
    const y = (reward) => (high > low ? 38 - (36 * (reward - low)) / (high - low) : 20);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 40");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `Running reward from ${digits(rewards[0], 3)} to ${digits(rewards.at(-1), 3)}`);
    const path = document.createElementNS(SVG, "path");
    const points = rewards.map((reward, place) => `${x(place).toFixed(2)} ${y(reward).toFixed(2)}`);
    path.setAttribute("d", `M${points.join("L")}`);
    const now = document.createElementNS(SVG, "line");
    now.setAttribute("class", "now");
    now.setAttribute("y1", "0");
    now.setAttribute("y2", "40");
    svg.append(path, now);
    return {
      svg,
      mark: (place) => {
        now.setAttribute("x1", x(place));
        now.setAttribute("x2", x(place));
      },
    };
  }

  // Tokens in the colour of what they change; arrow keys or the pointer choose one.
  function traced(name, index, tokens) {
    const box = make("div", `trace model-${index}`);
    const rewards = tokens.map((token) => token.reward);
    const steps = rewards.map((reward, place) => (place ? reward - rewards[place - 1] : 0));
    const most = Math.max(...steps.map(Math.abs)) || 1;
    const picture = curve(rewards);
    const caption = make("p", "caption");
    caption.setAttribute("aria-live", "polite");
    const list = make("p", "tokens");
    list.tabIndex = 0;
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", `Tokens, with ${name}; arrow keys choose one`);
    const spans = tokens.map((token, place) => {
      const kind = steps[place] > 0 ? "up" : steps[place] < 0 ? "down" : "";
      const span = make("span", `${kind}${token.response ? "" : " given"}`, token.text);
      span.style.setProperty("--by", (Math.abs(steps[place]) / most).toFixed(3));
      span.addEventListener("pointerenter", () => choose(place));
      return span;
    });
    let chosen = 0;
    function choose(place) {
      spans[chosen].classList.remove("now");
      chosen = Math.max(0, Math.min(spans.length - 1, place));
      spans[chosen].classList.add("now");
      picture.mark(chosen);
      const change = `${steps[chosen] < 0 ? "" : "+"}${digits(steps[chosen], 4)}`;
      const text = JSON.stringify(tokens[chosen].text);
      caption.textContent = `After token ${chosen + 1} of ${spans.length}, ${text}: ${digits(rewards[chosen], 4)} (${change})`;
    }
    const keys = { ArrowRight: 1, ArrowLeft: -1, Home: -spans.length, End: spans.length };
    list.addEventListener("keydown", (event) => {
      if (!(event.key in keys)) return;
      event.preventDefault();
      choose(chosen + keys[event.key]);
      spans[chosen].scrollIntoView({ block: "nearest" });
    });
    list.append(...spans);
    box.append(make("small", "", `${name}: the reward if the text ended after each token`), picture.svg, caption, list);
    choose(spans.length - 1);
    return box;
  }

  return { make, show, traced };
})();
