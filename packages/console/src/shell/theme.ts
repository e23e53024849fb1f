const STORAGE_KEY = "canopy-theme";

type Theme = "dark" | "light";

/** The theme that the visitor chose, or else the one of the system. */
export function applyTheme(): Theme {
  const theme = chosenTheme() ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  document.documentElement.dataset.theme = theme;
  return theme;
}

export function switchTheme(): Theme {
  const theme = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  try {
    localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // Storage may be forbidden; the choice then lasts for this page.
  }
  document.documentElement.dataset.theme = theme;
  return theme;
}

function chosenTheme(): Theme | undefined {
  try {
    const stored = localStorage.getItem(STORAGE_KEY);
    return stored === "light" || stored === "dark" ? stored : undefined;
  } catch {
    return undefined;
  }
}
