import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { hasCode } from '../api/problem.ts';
import { useText } from '../i18n/language.tsx';
import { ProblemAlert } from './problem-alert.tsx';

/** Why a form was not saved. Where somebody else was quicker, what is there now can be had instead of what was written. */
export function SaveProblem({ error, onReset }: { readonly error: unknown; readonly onReset: () => void }): ReactNode {
  const t = useText();
  return (
    <ProblemAlert
      error={error}
      action={
        hasCode(error, 'request.changed') && (
          <Button size="compact-sm" variant="default" onClick={onReset}>
            {t('problem.changed.reset')}
          </Button>
        )
      }
    />
  );
}
