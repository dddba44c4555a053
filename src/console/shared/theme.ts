// Stores and applies the color theme: light, dark, or the system's. The choice is stored in this browser.

/** The themes in the order of the button that switches between them. */
export const themes = ['system', 'light', 'dark'] as const;
/** A color theme; `system` follows the operating system. */
export type Theme = (typeof themes)[number];

const storageKey = 'regway-theme';

/** Returns the stored theme. Defaults to `system`. */
export function storedTheme(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(storageKey)) ?? 'system';
  } catch {
    // The browser may forbid storage; the console works without it.
    return 'system';
  }
}

/** Stores the theme for the next visit. */
export function storeTheme(theme: Theme): void {
  try {
    localStorage.setItem(storageKey, theme);
  } catch {
    // Storage is forbidden: the choice lasts until the page is closed.
  }
}

/** Applies the theme to the page. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}
