import { Checkbox, Group, NativeSelect, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { useText } from '../../../i18n/language.tsx';
import type { JobKind } from '../job-kinds.ts';
import { ScheduleFields } from '../schedule-fields.tsx';
import type { ChangeDraft, JobDraft } from './job-draft.ts';
import { Windows } from './windows.tsx';

/** When it runs, and when it may. */
export function ScheduleStep(o: {
  readonly kind: JobKind;
  readonly draft: JobDraft;
  readonly onChange: ChangeDraft;
}): ReactNode {
  const t = useText();
  return (
    <>
      <ScheduleFields
        schedule={o.draft.schedule}
        isOfJob={o.kind === 'job'}
        onChange={(schedule) => o.onChange({ schedule })}
      />
      <Group gap="md" align="flex-start">
        <TextInput
          label={t('wizard.time-zone')}
          required
          value={o.draft.timeZone}
          onChange={({ currentTarget }) => o.onChange({ timeZone: currentTarget.value })}
        />
        <NativeSelect
          label={t('wizard.missed')}
          value={o.draft.missed}
          onChange={({ currentTarget }) => o.onChange({ missed: currentTarget.value === 'skip' ? 'skip' : 'run-once' })}
          data={(['run-once', 'skip'] as const).map((value) => ({ value, label: t(`wizard.missed.${value}`) }))}
        />
      </Group>
      <Windows windows={o.draft.windows} onChange={(windows) => o.onChange({ windows })} />
      <Checkbox
        label={t('wizard.enabled')}
        checked={o.draft.enabled}
        onChange={({ currentTarget }) => o.onChange({ enabled: currentTarget.checked })}
      />
    </>
  );
}
