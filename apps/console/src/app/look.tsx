import { MantineProvider } from '@mantine/core';
import type { ReactNode } from 'react';
import { LanguageProvider } from '../i18n/language.tsx';
import { cssVariables, styleNonce, theme } from './theme.ts';

// What some of Mantine's parts look for when they write a style element.
Object.assign(globalThis, { __webpack_nonce__: styleNonce() });

/** Colours, components and language of everything that is shown. */
export function Look({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      cssVariablesResolver={cssVariables}
      getStyleNonce={styleNonce}
    >
      <LanguageProvider>{children}</LanguageProvider>
    </MantineProvider>
  );
}
