import type { Job } from '@holdfast/protocol';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Age } from '../../components/age.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useText } from '../../i18n/language.tsx';

/** How a job or a policy went the last time, and how long ago that was; leads to that session. */
export function LastSession(o: { readonly session: Job['lastSession']; readonly withAge?: true }): ReactNode {
  const t = useText();
  const { session } = o;
  if (!session) return t('age.never');
  return (
    <Link to="/sessions/$id" params={{ id: session.id }}>
      <StateBadge state={session.state} /> {o.withAge && <Age at={session.endedAt ?? session.createdAt} />}
    </Link>
  );
}
