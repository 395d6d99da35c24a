import type { Job, Policy } from '@holdfast/protocol';
import { Button, Group, Stack } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
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
  const run = kind === 'job' ? runJob : runPolicy;
  const [made, setMade] = useState<Job | Policy>();
  const runMade = ({ id }: Job | Policy): void =>
    run.mutate(
      { params: { id }, body: {} },
      { onSuccess: (session) => void navigate({ to: '/sessions/$id', params: { id: session.id } }) },
    );
  // It is there: what failed is only its first run.
  if (made && run.error)
    return (
      <Stack gap="lg">
        <PageHead title={made.name} subtitle={t('wizard.not-run')} />
        <ProblemAlert
          error={run.error}
          action={
            <Group gap="sm">
              <Button size="compact-sm" onClick={() => runMade(made)}>
                {t('jobs.run')}
              </Button>
              <Button size="compact-sm" variant="default" onClick={() => open(made.id)}>
                {t('wizard.open', { name: made.name })}
              </Button>
            </Group>
          }
        />
      </Stack>
    );
  return (
    <>
      <PageHead title={t(`wizard.new.${kind}`)} subtitle={t(`wizard.new.${kind}.lead`)} />
      <JobWizard
        kind={kind}
        onSaved={(one, o) => {
          if (!o.run) return open(one.id);
          setMade(one);
          runMade(one);
        }}
      />
    </>
  );
}
