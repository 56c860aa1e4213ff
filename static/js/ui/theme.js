// Loaded in the head, before anything is drawn: a page must not flash white at a reader who chose dark.
(() => {
  const root = document.documentElement;
  const key = "sr-theme";
  const wish = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const apply = (theme) => root.setAttribute("data-bs-theme", theme === "dark" ? "dark" : "light");
  apply(wish());
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-sr-theme]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
        apply(next);
        try {
          localStorage.setItem(key, next);
        } catch {
          // A browser that keeps nothing still shows the theme on this page.
        }
        document.dispatchEvent(new CustomEvent("sr:theme", { detail: next }));
      });
    }
  });
})();
