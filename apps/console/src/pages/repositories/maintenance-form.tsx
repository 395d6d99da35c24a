import type { RepositoryMaintenance } from '@holdfast/protocol';
import { Button, Checkbox, Fieldset, Group, NumberInput, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { call } from '../../api/call.ts';
import { hasCode } from '../../api/problem.ts';
import { invalidateRoutes } from '../../api/queries.ts';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { SaveProblem } from '../../components/save-problem.tsx';
import { useText } from '../../i18n/language.tsx';
import { KeepFields } from '../jobs/keep-fields.tsx';
import { ScheduleFields } from '../jobs/schedule-fields.tsx';
import { DrillFields } from './drill-fields.tsx';

const changed = ['repositoryMaintenance', 'maintenanceTimes', 'repositories', 'approvals'] as const;

/** How long backups are kept, and when each kind of work is done. Where less would be kept, a second administrator may have to agree. */
export function MaintenanceForm(o: {
  readonly repositoryId: string;
  readonly settings: RepositoryMaintenance;
  /** Of these settings: others are not written over. */
  readonly tag: string;
  /** To have what is there now instead of what was written. */
  readonly onReset: () => void;
  readonly onSaved: () => void;
}): ReactNode {
  const t = useText();
  const [draft, setDraft] = useState(o.settings);
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => call('setRepositoryMaintenance', { params: { id: o.repositoryId }, body: draft, ifMatch: o.tag }),
    onSuccess: o.onSaved,
    onSettled: () => invalidateRoutes(client, changed),
  });
  const change = (some: Partial<RepositoryMaintenance>): void => setDraft((before) => ({ ...before, ...some }));
  const { retention } = draft;
  const schedule = (kind: 'forget' | 'prune' | 'check' | 'drill'): ReactNode => (
    <ScheduleFields schedule={draft[kind]} isOfJob={false} onChange={(next) => change({ [kind]: next })} />
  );
  const isWaiting = hasCode(save.error, 'approval.needed');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="lg">
        <Fieldset legend={t('wizard.keep')}>
          <Stack gap="md">
            <KeepFields
              retention={retention}
              otherwise={t('repository.keep-all')}
              onChange={(next) => change({ retention: next })}
            />
            {retention && (
              <NumberInput
                label={t('maintenance.stale')}
                description={t('maintenance.stale.hint')}
                min={1}
                value={retention.staleAfterDays ?? ''}
                onChange={(value) => {
                  const { staleAfterDays: _before, ...rest } = retention;
                  change({ retention: value === '' ? rest : { ...rest, staleAfterDays: Number(value) } });
                }}
              />
            )}
            <p>{t('maintenance.less')}</p>
          </Stack>
        </Fieldset>
        <Fieldset legend={t('kind.forget')}>
          <Stack gap="md">{schedule('forget')}</Stack>
        </Fieldset>
        <Fieldset legend={t('kind.prune')}>
          <Stack gap="md">
            {schedule('prune')}
            <NumberInput
              label={t('maintenance.unused')}
              min={0}
              max={100}
              required
              value={draft.maxUnusedPercent}
              onChange={(value) => change({ maxUnusedPercent: Number(value) })}
            />
          </Stack>
        </Fieldset>
        <Fieldset legend={t('kind.check')}>
          <Stack gap="md">
            {schedule('check')}
            <NumberInput
              label={t('maintenance.parts')}
              description={t('maintenance.parts.hint')}
              min={0}
              max={256}
              required
              value={draft.checkParts}
              onChange={(value) => change({ checkParts: Number(value) })}
            />
          </Stack>
        </Fieldset>
        <Fieldset legend={t('kind.drill')}>
          <Stack gap="md">
            {schedule('drill')}
            <DrillFields options={draft.drillOptions} onChange={(drillOptions) => change({ drillOptions })} />
          </Stack>
        </Fieldset>
        <Checkbox
          label={t('maintenance.analysis')}
          description={t('maintenance.analysis.hint')}
          checked={draft.ransomwareAnalysis}
          onChange={({ currentTarget }) => change({ ransomwareAnalysis: currentTarget.checked })}
        />
        <TextInput
          label={t('wizard.time-zone')}
          required
          value={draft.timeZone}
          onChange={({ currentTarget }) => change({ timeZone: currentTarget.value })}
        />
        {save.error && !isWaiting && <SaveProblem error={save.error} onReset={o.onReset} />}
        {isWaiting && (
          <ProblemAlert error={save.error} action={<Link to="/settings/approvals">{t('settings.approvals')}</Link>} />
        )}
        <Group gap="sm">
          <Button type="submit" loading={save.isPending} disabled={isWaiting}>
            {t('action.save')}
          </Button>
          <Button
            variant="default"
            renderRoot={(props) => <Link to="/repositories/$id" params={{ id: o.repositoryId }} {...props} />}
          >
            {t(isWaiting ? 'action.back' : 'action.cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
