// SPDX-License-Identifier: Apache-2.0
// What the page does by itself: addresses, going back and forward, bringing the answer into view on a phone.
"use strict";
window.lab = (() => {
  const opened = new Set(); // tabs that were shown in this visit: each answers its first example once
  const named = () => new URLSearchParams(location.search).get("tab");
  const found = (selector, then, tries = 100) => {
    const element = document.querySelector(selector);
    if (element) then(element);
    else if (tries) setTimeout(() => found(selector, then, tries - 1), 50);
  };
  const ask = (tab) => {
    opened.add(tab);
    found(`#open-${tab}`, (button) => button.click());
  };
  // What the address says: its tab is shown, and answers.
  const open = () => {
    const tab = named() || first();
    if (!tab || !/^[a-z_]+$/.test(tab)) return;
    found(`#tab-${tab}-button`, (button) => {
      button.scrollIntoView({ block: "nearest", inline: "nearest" }); // the strip scrolls on a phone
      if (button.getAttribute("aria-selected") !== "true") button.click();
      ask(tab);
    });
  };
  const first = () => document.querySelector('.lab-tabs [role="tab"]')?.dataset.tabId;
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const intoView = (tab) => {
    const result = document.querySelector(`#result-${tab}`);
    if (!result) return;
    const { top } = result.getBoundingClientRect();
    if (top > innerHeight * 0.6 || top < 0) result.scrollIntoView({ behavior: still() ? "auto" : "smooth", block: "start" });
  };
  let pressed = false; // whether the visitor asked for the answer that comes; the page itself asks for a first one
  const answered = (tab, link) => {
    const asked = pressed;
    pressed = false;
    if (waiting?.tab === tab) {
      const entry = waiting;
      waiting = null;
      putIn(entry);
      return;
    }
    if (asked) intoView(tab);
    const before = forgotten;
    setTimeout(() => before === forgotten && remember(tab, link), 200); // once the answer is drawn
    if (link === location.search || (named() || first()) !== tab) return; // another tab is open by now
    if (asked) history.pushState(null, "", link);
    else if (named()) history.replaceState(null, "", link);
  };
  const toTab = (tab) => {
    if (named() !== tab) history.pushState(null, "", `?tab=${tab}`);
    if (!opened.has(tab)) ask(tab);
  };
  addEventListener("popstate", open);
  addEventListener("click", (event) => {
    const tab = event.target.closest?.('button[role="tab"]')?.id.match(/^tab-([a-z_]+)-button$/)?.[1];
    if (tab && event.isTrusted) toTab(tab);
    if (event.isTrusted) pressed = Boolean(event.target.closest?.(".inputs button, .strip button"));
    const inner = event.target.closest?.('a[href^="?tab="]');
    if (inner && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      history.pushState(null, "", inner.getAttribute("href"));
      open();
    }
  });
  // The last answers of this browser, the newest first. They stay in it: nothing of them is sent until one is opened again.
  const KEY = "vlm-lab-history", MOST = 20, SIDE = 768;
  const kept = () => {
    try {
      return JSON.parse(localStorage.getItem(KEY)) || [];
    } catch {
      return [];
    }
  };
  const keep = (entries) => {
    while (entries.length) {
      try {
        localStorage.setItem(KEY, JSON.stringify(entries));
        return;
      } catch {
        entries.pop(); // the browser's place is full: the oldest goes
      }
    }
    localStorage.removeItem(KEY);
  };
  const pictureOf = (tab, side) => {
    const image = document.querySelector(`#tab-${tab} .inputs [data-testid="image"] img`);
    if (!image?.naturalWidth) return "";
    const scale = Math.min(1, side / Math.max(image.naturalWidth, image.naturalHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, image.naturalWidth * scale);
    canvas.height = Math.max(1, image.naturalHeight * scale);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.85);
  };
  let forgotten = 0; // how often: what was answered before is not remembered after
  const remember = (tab, link) => {
    const answer = document.querySelector(`#result-${tab} .headline, #result-${tab} .legend`)?.textContent;
    if (!answer) return;
    const own = !new URLSearchParams(link).get("picture");
    const entry = { tab, link, answer: answer.slice(0, 120), when: Date.now(), picture: pictureOf(tab, own ? SIDE : 96), own };
    keep([entry, ...kept().filter((one) => one.link !== link || one.picture !== entry.picture)].slice(0, MOST));
    list();
  };
  const list = () =>
    found("#last-answers", (place) => {
      const entries = kept();
      place.hidden = !entries.length;
      const row = (entry) => {
        const button = document.createElement("button");
        if (entry.picture) {
          const image = new Image();
          image.src = entry.picture;
          image.alt = "";
          button.append(image);
        }
        const when = new Date(entry.when).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
        button.append(`${document.querySelector(`#tab-${entry.tab}-button`)?.textContent}: ${entry.answer} · ${when}`);
        button.addEventListener("click", () => again(entry));
        const item = document.createElement("li");
        item.append(button);
        return item;
      };
      place.querySelector("ul").replaceChildren(...entries.map(row));
      place.querySelector(".clear").onclick = () => {
        forgotten += 1;
        localStorage.removeItem(KEY);
        list();
      };
    });
  let waiting = null; // a picture of the visitor's own, which goes in once the words are there
  const again = (entry) => {
    waiting = entry.own && entry.picture ? entry : null;
    history.pushState(null, "", entry.link);
    open();
    scrollTo({ top: 0, behavior: still() ? "auto" : "smooth" });
  };
  const putIn = async (entry) => {
    const file = new File([await (await fetch(entry.picture)).blob()], "picture.jpg", { type: "image/jpeg" });
    const chosen = new DataTransfer();
    chosen.items.add(file);
    const panel = `#tab-${entry.tab} .inputs`;
    found(`${panel} input[type=file]`, (input) => {
      input.files = chosen.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      found(`${panel} [data-testid="image"] img`, () => setTimeout(() => document.querySelector(`${panel} button.primary`)?.click(), 300));
    });
  };
  const copyLink = async (link, [copied, withoutPicture]) => {
    await navigator.clipboard.writeText(new URL(link || location.search, location.href).href);
    return new URLSearchParams(link).get("picture") ? copied : withoutPicture;
  };
  const english = () => {
    if (document.documentElement.lang !== "en") document.documentElement.lang = "en";
  };
  english();
  new MutationObserver(english).observe(document.documentElement, { attributeFilter: ["lang"] }); // Gradio sets the browser's
  // Gradio names neither a picture nor the button around one that can be clicked: both get their panel's name. A thumbnail
  // says nothing beside its words.
  const label = (element) =>
    element.closest(".block")?.querySelector('[data-testid="block-label"]')?.textContent.trim() || "Picture";
  const name = () => {
    naming = 0;
    for (const button of document.querySelectorAll(".image-container > button:not([aria-label])")) button.ariaLabel = label(button);
    for (const image of document.querySelectorAll('.image-frame img[alt=""]')) image.alt = label(image);
    for (const image of document.querySelectorAll('.thumbnail img:not([alt=""])')) image.alt = "";
  };
  let naming = 0;
  new MutationObserver(() => (naming ||= setTimeout(name, 100))).observe(document.documentElement, { childList: true, subtree: true });
  found('.lab-tabs [role="tab"]', open);
  // ?view=api: Gradio takes the page of endpoints for open, without having loaded it, so it is closed and opened.
  if (new URLSearchParams(location.search).get("view") === "api") {
    found("footer button.show-api", (button) => {
      if (!document.querySelector(".api-docs")) button.click();
      setTimeout(() => document.querySelector(".api-docs") || button.click(), 300);
    });
  }
  list();
  const download = (file, name) => {
    if (!file?.url) return;
    const link = document.createElement("a");
    link.href = file.url;
    link.download = name;
    link.click();
  };
  return { answered, copyLink, download };
})();
