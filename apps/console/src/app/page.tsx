import { Loader } from '@mantine/core';
import { Outlet, useMatches } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useText } from '../i18n/language.tsx';
import { NotAllowedPage } from '../pages/not-allowed-page.tsx';
import { useMay, usePermissions } from '../session/rights.ts';

/** The page of the address; for who may not see it one that says so, which asks the server for nothing. */
export function Page(): ReactNode {
  const t = useText();
  const may = useMay();
  const isKnown = usePermissions() !== undefined;
  const needs = useMatches({ select: (matches) => matches.at(-1)?.staticData.needs });
  if (needs === undefined || may(needs)) return <Outlet />;
  return isKnown ? <NotAllowedPage /> : <Loader aria-label={t('app.loading')} />;
}
