import { LANGUAGES, language, words, type Language } from "../words/words.js";
import { theme, THEMES, type Theme } from "./theme.js";

export function Header() {
  const { skip, banner, ...text } = words.value;
  return (
    <header>
      <a class="skip" href="#content">
        {skip}
      </a>
      <div class="bar">
        <p class="brand">
          <img src="icon.svg" alt="" width="24" height="24" />
          Slicestack
        </p>
        <label>
          <span>{text.language}</span>
          <select
            value={language.value}
            onChange={({ currentTarget }) => (language.value = currentTarget.value as Language)}
          >
            {Object.entries(LANGUAGES).map(([code, { languageName }]) => (
              <option key={code} value={code} lang={code}>
                {languageName}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{text.theme}</span>
          <select
            value={theme.value}
            onChange={({ currentTarget }) => (theme.value = currentTarget.value as Theme)}
          >
            {THEMES.map((name) => (
              <option key={name} value={name}>
                {text.themes[name]}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p class="banner">{banner}</p>
    </header>
  );
}
