import { Button } from '@mantine/core';
import { type ErrorComponentProps, useRouter } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';

/** A page that broke. */
export function PageFailure({ error }: ErrorComponentProps): ReactNode {
  const t = useText();
  const router = useRouter();
  return (
    <ProblemAlert
      error={error}
      action={
        <Button variant="default" onClick={() => void router.invalidate()}>
          {t('action.try-again')}
        </Button>
      }
    />
  );
}
