import type { Run } from '@holdfast/protocol';
import { Progress } from '@mantine/core';
import type { ReactNode } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import classes from './task-progress.module.css';

/** How far a task is, how fast, and what it waits for. */
export function TaskProgress(o: { readonly progress: NonNullable<Run['progress']>; readonly name: string }): ReactNode {
  const { t, formats } = useLanguage();
  const { bytesDone, bytesTotal, filesDone, transferredBytes, currentPath, waits } = o.progress;
  const share = bytesTotal === undefined || bytesTotal === 0 ? undefined : Math.min(1, bytesDone / bytesTotal);
  const slowest = waits && Object.entries(waits).sort(([, a], [, b]) => b - a)[0];
  return (
    <div>
      <Progress
        value={share === undefined ? 100 : share * 100}
        animated={share === undefined}
        aria-label={t('session.progress', { name: o.name })}
      />
      <p className={classes['text']}>
        {t('session.progress-text', {
          share: share === undefined ? '…' : formats.percent(share),
          done: formats.bytes(bytesDone),
          files: filesDone,
          stored: formats.bytes(transferredBytes ?? 0),
        })}
        {slowest && ` · ${t(`bottleneck.${slowest[0] as keyof NonNullable<typeof waits>}`, { percent: slowest[1] })}`}
      </p>
      {currentPath !== undefined && <p className={classes['path']}>{currentPath}</p>}
    </div>
  );
}
