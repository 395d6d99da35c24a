import { IconAlertTriangle, IconCircleCheck, IconCircleMinus, IconCircleX } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from '../../components/state-badge.module.css';
import { useText } from '../../i18n/language.tsx';
import type { CheckOutcome } from './map-links.ts';

const outcomes = {
  open: ['ok', IconCircleCheck],
  warning: ['warn', IconAlertTriangle],
  failed: ['bad', IconCircleX],
  unchecked: ['idle', IconCircleMinus],
} as const;

/** What the last check found, by colour, sign and word; also that it tried nothing there. */
export function OutcomeBadge({ outcome }: { readonly outcome: CheckOutcome | undefined }): ReactNode {
  const t = useText();
  const [tone, Icon] = outcomes[outcome ?? 'unchecked'];
  return (
    <span className={classes['badge']} data-tone={tone}>
      <Icon size={15} stroke={2} aria-hidden="true" />
      {t(`network.outcome.${outcome ?? 'none'}`)}
    </span>
  );
}
