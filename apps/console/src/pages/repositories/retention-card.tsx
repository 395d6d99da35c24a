import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { keepText } from '../jobs/keep-text.ts';

/** How long its backups are kept, and whether a change of that waits for somebody. */
export function RetentionCard({ repositoryId }: { readonly repositoryId: string }): ReactNode {
  const t = useText();
  const settings = useQuery(routeQuery('repositoryMaintenance', { params: { id: repositoryId } }));
  const retention = settings.data?.retention;
  return (
    <Card title={t('wizard.keep')}>
      {settings.error && <ProblemAlert error={settings.error} />}
      <WaitingChange repositoryId={repositoryId} />
      {settings.data && <p>{retention ? keepText(retention, t) : t('repository.keep-all')}</p>}
      {retention?.staleAfterDays !== undefined && <p>{t('repository.stale', { count: retention.staleAfterDays })}</p>}
      <p>{t('repository.keep-hint')}</p>
    </Card>
  );
}

/** That a second administrator has still to agree to a change of what is kept, or to backups being deleted. */
function WaitingChange({ repositoryId }: { readonly repositoryId: string }): ReactNode {
  const t = useText();
  const may = useMay();
  const approvals = useQuery({
    ...routeQuery('approvals', { query: { only: 'waiting' } }),
    enabled: may('approvals'),
  });
  const ofThis = approvals.data?.approvals.filter(
    ({ action, subject }) => subject === repositoryId && waitingActions.includes(action),
  );
  if (!ofThis || ofThis.length === 0) return null;
  return (
    <p role="status">
      {t('repository.waiting', { count: ofThis.length })}{' '}
      <Link to="/settings/approvals">{t('settings.approvals')}</Link>
    </p>
  );
}
const waitingActions: readonly string[] = ['setRepositoryMaintenance', 'forgetSnapshots'];
