import { Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { CopyLine } from '../../components/copy-line.tsx';
import { useText } from '../../i18n/language.tsx';

const lines = {
  none: 'holdfast recovery-kit create',
  unconfirmed: 'holdfast recovery-kit verify',
} as const;

/** The way back when nothing is left but the storage. Its words are for paper alone, so no page of a browser ever has them. */
export function KitStep({ state }: { readonly state: keyof typeof lines | 'confirmed' }): ReactNode {
  const t = useText();
  if (state === 'confirmed') return <p>{t('kit.confirmed')}</p>;
  return (
    <Stack gap="xs">
      <p>{t(`kit.${state}`)}</p>
      <CopyLine label={t('kit.line')}>{lines[state]}</CopyLine>
    </Stack>
  );
}
