import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleMinus,
  IconCircleX,
  IconClockHour4,
  IconLoader2,
} from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useText } from '../i18n/language.tsx';
import classes from './state-badge.module.css';

/** What a state means for the person, whatever it is a state of. */
const states = {
  queued: ['idle', IconClockHour4],
  running: ['busy', IconLoader2],
  succeeded: ['ok', IconCircleCheck],
  warning: ['warn', IconAlertTriangle],
  failed: ['bad', IconCircleX],
  cancelled: ['idle', IconCircleMinus],
  online: ['ok', IconCircleCheck],
  offline: ['idle', IconCircleMinus],
  revoked: ['bad', IconCircleX],
  unprotected: ['warn', IconAlertTriangle],
  protected: ['ok', IconCircleCheck],
  trusted: ['ok', IconCircleCheck],
  untrusted: ['bad', IconCircleX],
  'out-of-date': ['warn', IconClockHour4],
  enabled: ['ok', IconCircleCheck],
  disabled: ['idle', IconCircleMinus],
  good: ['ok', IconCircleCheck],
} as const;
export type BadgeState = keyof typeof states;

/** A state by colour, sign and word: none of them alone. */
export function StateBadge({ state }: { readonly state: BadgeState }): ReactNode {
  const t = useText();
  const [tone, Icon] = states[state];
  return (
    <span className={classes['badge']} data-tone={tone}>
      <Icon size={15} stroke={2} aria-hidden="true" />
      {t(`state.${state}`)}
    </span>
  );
}
