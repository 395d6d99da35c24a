import type { PanelTask } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Age } from '../components/age.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { TaskProgress } from '../components/task-progress.tsx';
import { useLanguage } from '../i18n/language.tsx';
import classes from './panel.module.css';
import { ask } from './panel-session.ts';

/** What runs, and what has ended, the newest first. */
export function TaskList({ tasks }: { readonly tasks: readonly PanelTask[] }): ReactNode {
  return (
    <ul className={classes['list']}>
      {tasks.map((task) => (
        <Task key={task.id} task={task} />
      ))}
    </ul>
  );
}

export function Task({ task }: { readonly task: PanelTask }): ReactNode {
  const { t, formats } = useLanguage();
  const cancel = useMutation({ mutationFn: () => ask('cancel', { taskId: task.id }) });
  const { kind, by, state, startedAt, endedAt, progress, error, problems, problemCount } = task;
  const title = t(`kind.${kind}`);
  const who = by.who === 'policy' ? by.name : t(`panel.by.${by.who}`);
  return (
    <li className={classes['item']}>
      <div className={classes['head']}>
        <h3 className={classes['name']}>
          {title}: {who}
        </h3>
        <StateBadge state={state} />
        <span className={classes['soft']}>
          <Age at={endedAt ?? startedAt} />
        </span>
        {state === 'running' && by.who === 'panel' && (
          <span className={classes['actions']}>
            <Button size="compact-sm" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
              {t('panel.cancel')}
            </Button>
          </span>
        )}
      </div>
      {progress && <TaskProgress progress={progress} name={who} />}
      {task.files !== undefined && task.bytes !== undefined && (
        <p className={classes['soft']}>
          {t(task.dryRun ? 'panel.would' : kind === 'backup' ? 'panel.backed-up' : 'panel.restored', {
            count: task.files,
            bytes: formats.bytes(task.bytes),
            target: task.target ?? '',
          })}
          {(task.overwritten ?? 0) > 0 && ` ${t('panel.overwritten', { count: task.overwritten ?? 0 })}`}
        </p>
      )}
      {error && (
        <p className={classes['problem']}>
          <strong>{error.message}</strong> {error.guidance} <code>{error.code}</code>
        </p>
      )}
      {problems.map((problem, at) => (
        // oxlint-disable-next-line react/no-array-index-key -- problems have no identity, and only come to be more
        <p key={at} className={classes['problem']}>
          {problem}
        </p>
      ))}
      {problemCount > problems.length && <p>{t('session.more-problems', { count: problemCount - problems.length })}</p>}
    </li>
  );
}
