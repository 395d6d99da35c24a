import { Stack } from '@mantine/core';
import type { ReactNode } from 'react';

/** The parts of a page, one below the other. */
export function Stacked({ children }: { readonly children: ReactNode }): ReactNode {
  return <Stack gap="lg">{children}</Stack>;
}
