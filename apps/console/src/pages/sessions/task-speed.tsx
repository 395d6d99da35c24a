import type { Run } from '@holdfast/protocol';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { speedsOf } from './speeds.ts';
import classes from './task-speed.module.css';

/** The server is told so often. */
const refreshMs = 5_000;
const width = 320;
const height = 48;
/** With fewer there is nothing to be seen. */
const leastSpeeds = 3;

/** How fast a task was from its beginning on: a line, and the same in words. */
export function TaskSpeed({ run, name }: { readonly run: Run; readonly name: string }): ReactNode {
  const { t, formats } = useLanguage();
  const statistics = useQuery({
    ...routeQuery('runStatistics', { params: { id: run.id } }),
    refetchInterval: run.endedAt === undefined ? refreshMs : false,
  });
  const speeds = speedsOf(statistics.data?.samples ?? []);
  const last = speeds.at(-1);
  if (!last || speeds.length < leastSpeeds) return null;
  const most = Math.max(1, ...speeds.map(({ bytesPerSecond }) => bytesPerSecond));
  const points = speeds.map(({ elapsedMs, bytesPerSecond }) => {
    const x = (elapsedMs / last.elapsedMs) * width;
    const y = height - (bytesPerSecond / most) * (height - 4) - 2;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <figure className={classes['speed']}>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={t('session.speed', { name })}
      >
        <polyline points={points.join(' ')} fill="none" vectorEffect="non-scaling-stroke" />
      </svg>
      <figcaption>
        {t('session.speed-text', { last: formats.bytes(last.bytesPerSecond), most: formats.bytes(most) })}
      </figcaption>
    </figure>
  );
}
