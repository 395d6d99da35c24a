import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { createQueryClient } from '../api/queries.ts';
import { LanguageProvider } from '../i18n/language.tsx';
import { sessionEnded } from '../session/session.tsx';
import { createConsoleRouter } from './router.tsx';
import { cssVariables, styleNonce, theme } from './theme.ts';

const queryClient = createQueryClient(sessionEnded);
const router = createConsoleRouter(queryClient);
// What some of Mantine's parts look for when they write a style element.
Object.assign(globalThis, { __webpack_nonce__: styleNonce() });

export function App(): ReactNode {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      cssVariablesResolver={cssVariables}
      getStyleNonce={styleNonce}
    >
      <LanguageProvider>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </LanguageProvider>
    </MantineProvider>
  );
}
