/* The state of the page: prompt, responses, what the models gave them, the history and the link. */
rmcheck.compare = (function () {
  "use strict";
  const { make, show, traced } = rmcheck.drawing;
  const PAST = "rmcheck-serve-history";
  const MOST = 30;
  let models = [];
  let token = "";
  let asked = 0;

  function find(id) {
    return document.getElementById(id);
  }

  function say(text, wrong) {
    find("status").textContent = text;
    find("status").classList.toggle("wrong", Boolean(wrong));
  }

  async function request(path, body) {
    const headers = {};
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    let answer;
    try {
      answer = await fetch(path, {
        method: body ? "POST" : "GET",
        headers,
        body: body && JSON.stringify(body),
      });
    } catch {
      throw new Error("The server does not answer. Is it still running?");
    }
    if (answer.status === 401) {
      find("token-form").hidden = false;
      find("token").focus();
      throw new Error("The server asks for its token.");
    }
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error((found.error && found.error.message) || `Status ${answer.status}`);
    return found;
  }

  // Responses

  function cards() {
    return Array.from(find("responses").children);
  }

  function texts() {
    return cards().map((card) => card.querySelector("textarea").value);
  }

  function number() {
    cards().forEach((card, place) => {
      const label = card.querySelector("label");
      label.textContent = `Response ${place + 1}`;
      label.htmlFor = card.querySelector("textarea").id = `response-${place + 1}`;
      card.querySelector(".remove").setAttribute("aria-label", `Remove response ${place + 1}`);
      card.querySelector(".remove").hidden = cards().length < 3;
    });
  }

  function forget() {
    asked += 1;
    find("result").hidden = true;
    for (const card of cards()) {
      card.classList.remove("best");
      card.querySelector(".scores").replaceChildren();
      card.querySelector(".traces").replaceChildren();
    }
  }

  function add(text, focused) {
    const card = find("response-template").content.cloneNode(true).firstElementChild;
    const area = card.querySelector("textarea");
    area.value = text;
    area.addEventListener("input", forget);
    card.querySelector(".remove").addEventListener("click", () => {
      const after = card.nextElementSibling || card.previousElementSibling;
      card.remove();
      number();
      forget();
      if (after) after.querySelector("textarea").focus();
    });
    find("responses").append(card);
    number();
    if (focused) area.focus();
  }

  function fill(state) {
    find("prompt").value = state.prompt;
    find("responses").replaceChildren();
    for (const text of state.responses) add(text);
    while (cards().length < 2) add("");
    forget();
  }

  // Link and history

  function toFragment(state) {
    const bytes = new TextEncoder().encode(JSON.stringify([state.prompt, ...state.responses]));
    const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    return `#${btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")}`;
  }

  function fromFragment(fragment) {
    try {
      const letters = atob(fragment.slice(1).replace(/-/g, "+").replace(/_/g, "/"));
      const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
      const [prompt, ...responses] = JSON.parse(new TextDecoder().decode(bytes));
      if (![prompt, ...responses].every((text) => typeof text === "string")) return null;
      return { prompt, responses };
    } catch {
      return null;
    }
  }

  function past() {
    try {
      const found = JSON.parse(localStorage.getItem(PAST) || "[]");
      return Array.isArray(found) ? found : [];
    } catch {
      return []; // a browser may refuse storage
    }
  }

  function remember(state, rewards) {
    const same = (one) => toFragment(one) === toFragment(state);
    const kept = [{ ...state, rewards, when: Date.now() }, ...past().filter((one) => !same(one))];
    try {
      localStorage.setItem(PAST, JSON.stringify(kept.slice(0, MOST)));
    } catch {
      // best effort
    }
  }

  function showPast() {
    const items = past().map((one) => {
      const button = make("button");
      button.type = "button";
      button.append(make("span", "", one.prompt || "(empty prompt)"));
      const best = one.rewards.indexOf(Math.max(...one.rewards));
      const when = new Date(one.when).toLocaleString();
      button.append(make("small", "", `${when} · first: ${one.responses[best]}`));
      button.addEventListener("click", () => {
        find("history").close();
        fill(one);
        score();
      });
      const item = make("li");
      item.append(button);
      return item;
    });
    if (!items.length) items.push(make("li", "remark", "Nothing was scored yet."));
    find("past").replaceChildren(...items);
    find("history").showModal();
  }

  // Scoring

  async function score() {
    const state = { prompt: find("prompt").value, responses: texts() };
    forget();
    const mine = asked;
    say("Scoring …");
    try {
      if (!models.length) await connect();
      const answers = await Promise.all(
        models.map((model) => request("rewards", { ...state, model })),
      );
      if (mine !== asked) return;
      const rewards = answers.map((answer) => answer.rewards);
      show(models, rewards, cards(), (place, box) => trace(state, place, box));
      history.replaceState(null, "", toFragment(state));
      remember(state, rewards[0]);
      say("");
    } catch (error) {
      if (mine === asked) say(error.message, true);
    }
  }

  async function trace(state, place, box) {
    const response = state.responses[place];
    const answers = await Promise.allSettled(
      models.map((model) => request("trace", { prompt: state.prompt, response, model })),
    );
    box.replaceChildren(
      ...answers.map((answer, index) =>
        answer.status === "fulfilled"
          ? traced(models[index], index, answer.value.tokens)
          : make("p", "remark", answer.reason.message),
      ),
    );
  }

  async function connect() {
    const found = await request("v1/models");
    models = found.data.map((model) => model.id);
    find("models").textContent = `Rewards of ${models.join(" and ")}.`;
    find("token-form").hidden = true;
  }

  function start() {
    document.documentElement.classList.add("js");
    const linked = fromFragment(location.hash);
    fill(linked || { prompt: "", responses: ["", ""] });
    find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      score();
    });
    find("prompt").addEventListener("input", forget);
    find("add").addEventListener("click", () => add("", true));
    find("copy").addEventListener("click", async () => {
      history.replaceState(null, "", toFragment({ prompt: find("prompt").value, responses: texts() }));
      try {
        await navigator.clipboard.writeText(location.href);
        say("Link copied.");
      } catch {
        say("The link is in the address bar.");
      }
    });
    find("token-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      token = find("token").value;
      try {
        await connect();
        say("");
        find("prompt").focus();
      } catch (error) {
        say(error.message, true);
      }
    });
    find("show-history").addEventListener("click", showPast);
    find("close-history").addEventListener("click", () => find("history").close());
    find("clear-history").addEventListener("click", () => {
      try {
        localStorage.removeItem(PAST);
      } catch {
        // nothing was kept
      }
      find("history").close();
    });
    find("theme").addEventListener("click", () => {
      const root = document.documentElement;
      const dark = root.dataset.theme
        ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || find("history").open) return;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        score();
      } else if (event.altKey) {
        event.preventDefault();
        add("", true);
      }
    });
    addEventListener("hashchange", () => {
      const state = fromFragment(location.hash);
      if (!state) return;
      fill(state);
      score();
    });
    connect()
      .then(() => linked && score())
      .catch((error) => say(error.message, true));
  }

  return { start };
})();

rmcheck.compare.start();
