import { Loader } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { call } from '../../../api/call.ts';
import { PageHead } from '../../../components/page-head.tsx';
import { useText } from '../../../i18n/language.tsx';
import { MissingPage } from '../../missing-page.tsx';
import { type JobKind, jobKinds } from '../job-kinds.ts';
import { JobWizard } from './job-wizard.tsx';

const jobRoute = getRouteApi('/jobs/$id/change');
const policyRoute = getRouteApi('/policies/$id/change');

export function EditJobPage(): ReactNode {
  return <EditOne kind="job" id={jobRoute.useParams().id} />;
}

export function EditPolicyPage(): ReactNode {
  return <EditOne kind="policy" id={policyRoute.useParams().id} />;
}

/** What is changed is what was there when the page was opened: what somebody else changes meanwhile is not written over. */
function EditOne({ kind, id }: { readonly kind: JobKind; readonly id: string }): ReactNode {
  const t = useText();
  const navigate = useNavigate();
  const client = useQueryClient();
  const queryKey = ['to-change', kind, id];
  const seen = useQuery({
    queryKey,
    queryFn: ({ signal }) => call(jobKinds[kind].one, { params: { id }, signal }),
    gcTime: 0,
    // Whatever happens meanwhile: what the person began with stays.
    staleTime: 'static',
  });
  if (seen.error) return <MissingPage error={seen.error} />;
  if (!seen.data) return <Loader aria-label={t('app.loading')} />;
  const one = seen.data;
  return (
    <>
      <PageHead title={t('wizard.change', { name: one.name })} subtitle={managedText(one.managedBy, t)} />
      <JobWizard
        kind={kind}
        existing={one}
        onReset={() => void client.resetQueries({ queryKey })}
        onSaved={() => void navigate({ to: kind === 'job' ? '/jobs/$id' : '/policies/$id', params: { id } })}
      />
    </>
  );
}

function managedText(managedBy: string | undefined, t: ReturnType<typeof useText>): string | undefined {
  return managedBy === undefined ? undefined : t('wizard.managed', { name: managedBy });
}
