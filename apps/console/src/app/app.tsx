import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { createQueryClient } from '../api/query-client.ts';
import { sessionEnded } from '../session/session.tsx';
import { Look } from './look.tsx';
import { createConsoleRouter } from './router.tsx';

const queryClient = createQueryClient(sessionEnded);
const router = createConsoleRouter(queryClient);
// The page that is asked for is on its way while texts are.
void router.load();

export function App(): ReactNode {
  return (
    <Look>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </Look>
  );
}
