import type { ReactNode } from 'react';
import { toProblem } from '../../api/problem.ts';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import type { MessageKey } from '../../i18n/catalogue.ts';
import { useText } from '../../i18n/language.tsx';
import classes from './restore.module.css';

/** What people meet here that is no fault, and what it means for them. */
const plainWords: Readonly<Record<string, MessageKey>> = {
  'auth.forbidden': 'restore.refused.rights',
  'auth.step-up': 'restore.refused.step-up',
  'zero-knowledge.server': 'restore.refused.zero-knowledge',
  'repository.missing': 'restore.refused.empty',
  'run.timeout': 'restore.refused.slow',
};

/** Why something can't be seen or restored: in plain words where the console knows them, and always with the error's name. */
export function Refusal({ error }: { readonly error: unknown }): ReactNode {
  const t = useText();
  const problem = toProblem(error);
  const words = plainWords[problem.code];
  if (words === undefined) return <ProblemAlert error={error} />;
  return (
    <div role="alert" className={classes['refusal']}>
      <p>{t(words)}</p>
      <p className={classes['soft']}>
        {problem.message} <code>{problem.code}</code>
      </p>
    </div>
  );
}
