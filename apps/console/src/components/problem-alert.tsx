import type { ReactNode } from 'react';
import { toProblem } from '../api/problem.ts';
import { useText } from '../i18n/language.tsx';
import classes from './problem-alert.module.css';

/** What went wrong, where, and what can be done: the server's words, and the name of the error for docs/errors.md. */
export function ProblemAlert({ error, action }: { readonly error: unknown; readonly action?: ReactNode }): ReactNode {
  const t = useText();
  const problem = toProblem(error);
  const isOurs = problem.code === 'unreachable' || problem.code === 'approval.needed';
  const message = isOurs
    ? t(problem.code === 'unreachable' ? 'problem.unreachable' : 'problem.approval')
    : problem.message;
  return (
    <div role="alert" className={classes['alert']}>
      <p className={classes['message']}>{message || t('problem.unknown')}</p>
      {problem.guidance !== '' && <p>{problem.guidance}</p>}
      <p className={classes['code']}>
        <code>{problem.code}</code>
        {problem.instance !== undefined && <span> · {problem.instance}</span>}
      </p>
      {action}
    </div>
  );
}
