import type { Answer, Job, Policy } from '@holdfast/protocol';
import { Button, Group, Stack } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { ifAsSeen } from '../../../api/as-seen.ts';
import { call } from '../../../api/call.ts';
import { toProblem } from '../../../api/problem.ts';
import { invalidateRoutes } from '../../../api/queries.ts';
import { Card } from '../../../components/card.tsx';
import { ProblemAlert } from '../../../components/problem-alert.tsx';
import { SaveProblem } from '../../../components/save-problem.tsx';
import { useText } from '../../../i18n/language.tsx';
import { type JobKind, jobKinds } from '../job-kinds.ts';
import { DetailsStep } from './details-step.tsx';
import { draftOf, type JobDraft, newDraft, settled } from './job-draft.ts';
import classes from './job-wizard.module.css';
import { ScheduleStep } from './schedule-step.tsx';
import { ScopeStep } from './scope-step.tsx';
import { NextDue, SummaryStep } from './summary-step.tsx';
import { TargetStep } from './target-step.tsx';

const steps = ['scope', 'target', 'schedule', 'details', 'summary'] as const;
const pauseMs = 500;

/** Plans a job or a policy: at each step the server says whether it could be. */
export function JobWizard(o: {
  readonly kind: JobKind;
  /** What is to be changed, as the person sees it. */
  readonly existing?: Job | Policy;
  /** Begins anew with what is there now. */
  readonly onReset?: () => void;
  readonly onSaved: (saved: Job | Policy, o: { readonly run: boolean }) => void;
}): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const [draft, setDraft] = useState(() => (o.existing ? draftOf(o.existing) : newDraft()));
  const [at, setAt] = useState(0);
  const step = steps[at] ?? 'scope';
  const change = (part: Partial<JobDraft>): void => setDraft((before) => ({ ...before, ...part }));
  const check = useMutation({ mutationFn: () => checked(o.kind, draft) });
  const save = useMutation({
    // One that is sent again, as an answer was lost, has the key that it had.
    mutationFn: ({ key }: { readonly run: boolean; readonly key: string }) => saved(o.kind, draft, { ...o, key }),
    onSuccess: (one, { run }) => o.onSaved(one, { run }),
    onSettled: () =>
      invalidateRoutes(client, [jobKinds[o.kind].list, jobKinds[o.kind].one, 'computers', 'jobCalendar']),
  });
  const next = (event: SubmitEvent): void => {
    event.preventDefault();
    if (step === 'summary') save.mutate({ run: false, key: crypto.randomUUID() });
    else check.mutate(undefined, { onSuccess: () => setAt(at + 1) });
  };
  const back = (to: number): void => {
    check.reset();
    save.reset();
    setAt(to);
  };
  return (
    <Stack gap="lg">
      <ol className={classes['steps']} aria-label={t('wizard.steps')}>
        {steps.map((name, index) => (
          <li key={name} aria-current={index === at ? 'step' : undefined} data-done={index < at}>
            {index < at ? (
              <button type="button" onClick={() => back(index)}>
                {t(`wizard.step.${name}`)}
              </button>
            ) : (
              t(`wizard.step.${name}`)
            )}
          </li>
        ))}
      </ol>
      <Card title={t(`wizard.step.${step}`)}>
        <form onSubmit={next}>
          <Stack gap="lg">
            {step === 'scope' && <ScopeStep kind={o.kind} draft={draft} onChange={change} />}
            {step === 'target' && <TargetStep draft={draft} onChange={change} />}
            {step === 'schedule' && (
              <>
                <ScheduleStep kind={o.kind} draft={draft} onChange={change} />
                <DueAsPlanned kind={o.kind} draft={draft} />
              </>
            )}
            {step === 'details' && <DetailsStep draft={draft} onChange={change} />}
            {step === 'summary' && (
              <>
                <SummaryStep kind={o.kind} draft={settled(draft)} checked={check.data} />
                <NextDue due={check.data?.due ?? []} />
              </>
            )}
            {check.error && <ProblemAlert error={check.error} />}
            {save.error && <SaveProblem error={save.error} onReset={() => o.onReset?.()} />}
            <Group gap="sm">
              {at > 0 && (
                <Button variant="default" onClick={() => back(at - 1)}>
                  {t('action.back')}
                </Button>
              )}
              <Button
                type="submit"
                loading={check.isPending || save.isPending}
                disabled={step === 'target' && draft.target === undefined}
              >
                {t(step === 'summary' ? (o.existing ? 'wizard.save' : `wizard.create.${o.kind}`) : 'action.continue')}
              </Button>
              {step === 'summary' && !o.existing && (
                <Button
                  variant="default"
                  loading={save.isPending}
                  onClick={() => save.mutate({ run: true, key: crypto.randomUUID() })}
                >
                  {t('wizard.create-and-run')}
                </Button>
              )}
            </Group>
          </Stack>
        </form>
      </Card>
    </Stack>
  );
}

/** The next times by a schedule as it is being written; silent while it is not one yet: going on tells what is wrong. */
function DueAsPlanned({ kind, draft }: { readonly kind: JobKind; readonly draft: JobDraft }): ReactNode {
  const { schedule, timeZone, enabled } = draft;
  const [planned] = useDebouncedValue(JSON.stringify({ schedule, timeZone, enabled }), pauseMs);
  const preview = useQuery({
    queryKey: ['checkJob', kind, planned],
    queryFn: () => checked(kind, draft),
    placeholderData: keepPreviousData,
    retry: false,
  });
  return preview.data && !preview.error && <NextDue due={preview.data.due} />;
}

function checked(kind: JobKind, draft: JobDraft): Promise<Answer<'checkJob'>> {
  const { name, target, ...settings } = settled(draft);
  return call('checkJob', {
    body: { kind, settings: { ...settings, ...(name === '' ? {} : { name }), ...(target ? { target } : {}) } },
  });
}

async function saved(
  kind: JobKind,
  draft: JobDraft,
  { existing: seen, key: idempotencyKey }: { readonly existing?: Job | Policy | undefined; readonly key: string },
): Promise<Job | Policy> {
  const { target, direction, ...settings } = settled(draft);
  if (!target) throw toProblem(new Error('There is no target.'));
  if (kind === 'job') {
    const body = { ...settings, target, direction };
    if (!seen) return call('createJob', { body, idempotencyKey });
    return ifAsSeen({ of: 'job', id: seen.id, seen }, (guard) => call('changeJob', { ...guard, body }));
  }
  const { schedule } = settings;
  if (schedule.kind === 'after') throw toProblem(new Error('Agents know nothing of other jobs.'));
  const body = { ...settings, target, schedule };
  if (!seen) return call('createPolicy', { body, idempotencyKey });
  return ifAsSeen({ of: 'policy', id: seen.id, seen }, (guard) => call('changePolicy', { ...guard, body }));
}
