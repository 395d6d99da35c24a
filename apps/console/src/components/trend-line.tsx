import type { ReactNode } from 'react';
import classes from './trend-line.module.css';

const width = 320;
const height = 56;

/** A line from value to value, from nothing up to the most. Of one value there is nothing to be seen. */
export function TrendLine({
  values,
  label,
}: {
  readonly values: readonly number[];
  readonly label: string;
}): ReactNode {
  if (values.length < 2) return null;
  const most = Math.max(1, ...values);
  const points = values.map((value, at) => {
    const x = (at / (values.length - 1)) * width;
    const y = height - (value / most) * (height - 4) - 2;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg viewBox={`0 0 ${width} ${height}`} className={classes['trend'] ?? ''} role="img" aria-label={label}>
      <polyline points={points.join(' ')} fill="none" />
    </svg>
  );
}
