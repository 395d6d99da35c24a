import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useAction } from '../../../api/queries.ts';
import { PageHead } from '../../../components/page-head.tsx';
import { ProblemAlert } from '../../../components/problem-alert.tsx';
import { useText } from '../../../i18n/language.tsx';
import type { JobKind } from '../job-kinds.ts';
import { JobWizard } from './job-wizard.tsx';

export function NewJobPage(): ReactNode {
  return <NewOne kind="job" />;
}

export function NewPolicyPage(): ReactNode {
  return <NewOne kind="policy" />;
}

function NewOne({ kind }: { readonly kind: JobKind }): ReactNode {
  const t = useText();
  const navigate = useNavigate();
  const runJob = useAction('runJob', ['sessions', 'jobs']);
  const runPolicy = useAction('runPolicy', ['sessions', 'policies']);
  const open = (id: string): void =>
    void navigate({ to: kind === 'job' ? '/jobs/$id' : '/policies/$id', params: { id } });
  const error = runJob.error ?? runPolicy.error;
  return (
    <>
      <PageHead title={t(`wizard.new.${kind}`)} subtitle={t(`wizard.new.${kind}.lead`)} />
      {error && <ProblemAlert error={error} />}
      <JobWizard
        kind={kind}
        onSaved={({ id }, { run }) => {
          if (!run) return open(id);
          (kind === 'job' ? runJob : runPolicy).mutate(
            { params: { id }, body: {} },
            {
              onSuccess: (session) => void navigate({ to: '/sessions/$id', params: { id: session.id } }),
              onError: () => open(id),
            },
          );
        }}
      />
    </>
  );
}
