// Tabs within a page: [data-sr-tabs] holds links to [data-sr-panel] sections. Without this file they are a table of contents.
function dress(list) {
  const tabs = [...list.querySelectorAll("a")];
  const panels = tabs.map((tab) => document.getElementById(tab.hash.slice(1)));
  if (!tabs.length || panels.some((panel) => panel === null)) return;

  function choose(chosen, { focus = false } = {}) {
    tabs.forEach((tab, at) => {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      panels[at].hidden = !on;
    });
    if (focus) chosen.focus();
    panels[tabs.indexOf(chosen)].dispatchEvent(new CustomEvent("sr:shown", { bubbles: true }));
  }

  list.setAttribute("role", "tablist");
  tabs.forEach((tab, at) => {
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panels[at].id);
    panels[at].setAttribute("role", "tabpanel");
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      history.replaceState(history.state, "", tab.hash);
      choose(tab);
    });
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const here = tabs.indexOf(document.activeElement);
    const to = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1 : step ? (here + step + tabs.length) % tabs.length : -1;
    if (to < 0) return;
    event.preventDefault();
    choose(tabs[to], { focus: true });
  });
  const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  choose(tabs.find((_, at) => target && panels[at].contains(target)) ?? tabs[0]);
}

document.querySelectorAll("[data-sr-tabs]").forEach(dress);
