import type { ReactNode } from 'react';
import { toProblem } from '../api/problem.ts';
import type { MessageKey } from '../i18n/catalogue.ts';
import { useText } from '../i18n/language.tsx';
import classes from './problem-alert.module.css';

/** What the console knows to say better than the server does, as it knows what the person was doing. */
const plainWords: Readonly<Record<string, MessageKey>> = {
  unreachable: 'problem.unreachable',
  'approval.needed': 'problem.approval',
  'request.changed': 'problem.changed',
};

/** What went wrong, where, and what can be done: the server's words, and the name of the error for docs/errors.md. */
export function ProblemAlert({ error, action }: { readonly error: unknown; readonly action?: ReactNode }): ReactNode {
  const t = useText();
  const problem = toProblem(error);
  const ours = plainWords[problem.code];
  const message = ours === undefined ? problem.message : t(ours);
  return (
    <div role="alert" className={classes['alert']}>
      <p className={classes['message']}>{message || t('problem.unknown')}</p>
      {problem.guidance !== '' && ours === undefined && <p>{problem.guidance}</p>}
      <p className={classes['code']}>
        <code>{problem.code}</code>
        {problem.instance !== undefined && <span> · {problem.instance}</span>}
      </p>
      {action}
    </div>
  );
}
