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
    if (asked) intoView(tab);
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
    if (event.isTrusted) pressed = !tab && Boolean(event.target.closest?.("button"));
    const inner = event.target.closest?.('a[href^="?tab="]');
    if (inner && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      history.pushState(null, "", inner.getAttribute("href"));
      open();
    }
  });
  const copyLink = async (link, [copied, withoutPicture]) => {
    await navigator.clipboard.writeText(new URL(link || location.search, location.href).href);
    return new URLSearchParams(link).get("picture") ? copied : withoutPicture;
  };
  document.documentElement.lang = "en";
  found('.lab-tabs [role="tab"]', open);
  return { answered, copyLink };
})();
