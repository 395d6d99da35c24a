import { createContext, type ReactNode, use, useEffect, useMemo, useState } from 'react';
import {
  type Catalogue,
  formatMessage,
  isLanguage,
  type Language,
  loadCatalogue,
  type MessageKey,
  type MessageValues,
} from './catalogue.ts';
import { createFormats, type Formats } from './formats.ts';

const storageKey = 'holdfast-language';

/** What the person chose, else the first of the browser's languages that there is a catalogue for. */
function preferredLanguage(): Language {
  const wanted = [localStorage.getItem(storageKey) ?? '', ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find(isLanguage) ?? 'en';
}

export type Translate = (key: MessageKey, values?: MessageValues) => string;

interface Spoken {
  readonly language: Language;
  readonly setLanguage: (language: Language) => void;
  readonly t: Translate;
  readonly formats: Formats;
}

const LanguageContext = createContext<Spoken | undefined>(undefined);

/** The texts of the person's language; nothing is shown before they are there. */
export function LanguageProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [language, setLanguage] = useState(preferredLanguage);
  const [loaded, setLoaded] = useState<{ readonly language: Language; readonly catalogue: Catalogue }>();
  useEffect(() => {
    let wanted = true;
    void loadCatalogue(language).then((catalogue) => {
      if (wanted) setLoaded({ language, catalogue });
    });
    return () => {
      wanted = false;
    };
  }, [language]);
  const spoken = useMemo((): Spoken | undefined => {
    if (!loaded) return undefined;
    document.documentElement.lang = loaded.language;
    return {
      language: loaded.language,
      setLanguage: (chosen) => {
        localStorage.setItem(storageKey, chosen);
        setLanguage(chosen);
      },
      t: (key, values = {}) => formatMessage(loaded.catalogue[key], values, loaded.language),
      formats: createFormats(loaded.language, { preferred: navigator.languages }),
    };
  }, [loaded]);
  return spoken && <LanguageContext value={spoken}>{children}</LanguageContext>;
}

export function useLanguage(): Spoken {
  const spoken = use(LanguageContext);
  if (!spoken) throw new Error('There is no language above this.');
  return spoken;
}

/** The text of a key, in the person's language. */
export function useText(): Translate {
  return useLanguage().t;
}

export function useFormats(): Formats {
  return useLanguage().formats;
}
