import { Loader } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { tagged } from '../../api/call.ts';
import { PageHead } from '../../components/page-head.tsx';
import { useText } from '../../i18n/language.tsx';
import { MissingPage } from '../missing-page.tsx';
import { MaintenanceForm } from './maintenance-form.tsx';
import { useRepository } from './use-repository.ts';

const route = getRouteApi('/repositories/$id/maintenance');

/** What is done in one repository by itself, to be changed. */
export function MaintenancePage(): ReactNode {
  const t = useText();
  const navigate = useNavigate();
  const { id } = route.useParams();
  const repository = useRepository(id);
  const client = useQueryClient();
  const queryKey = ['to-change', 'repository', id];
  // What is changed is what was there when the page was opened: what somebody else changes meanwhile is not written over.
  const settings = useQuery({
    queryKey,
    queryFn: ({ signal }) => tagged('repositoryMaintenance', { params: { id }, signal }),
    gcTime: 0,
    staleTime: 'static',
  });
  if (settings.error) return <MissingPage error={settings.error} />;
  if (!settings.data) return <Loader aria-label={t('app.loading')} />;
  return (
    <>
      <PageHead title={t('maintenance.change', { name: repository.data?.name ?? id.slice(0, 8) })} />
      <MaintenanceForm
        repositoryId={id}
        settings={settings.data.answer}
        tag={settings.data.tag}
        onReset={() => void client.resetQueries({ queryKey })}
        onSaved={() => void navigate({ to: '/repositories/$id', params: { id } })}
      />
    </>
  );
}
