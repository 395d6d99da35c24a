import type { JobSettings } from '@holdfast/protocol';
import { Group, NativeSelect, NumberInput, Stack, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { useText } from '../../i18n/language.tsx';
import { Weekdays, weekdays } from './wizard/weekdays.tsx';

type Schedule = JobSettings['schedule'];

const kinds = ['daily', 'weekly', 'monthly', 'interval', 'cron', 'after', 'manual'] as const;

/** A schedule of each kind to begin with. */
function newSchedule(kind: string): Schedule {
  switch (kind) {
    case 'weekly':
      return { kind, days: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'], at: '21:00' };
    case 'monthly':
      return { kind, on: { day: 1 }, at: '21:00' };
    case 'interval':
      return { kind, everyMinutes: 60, from: '00:00', to: '24:00', days: [...weekdays] };
    case 'cron':
      return { kind, expression: '0 21 * * MON-FRI' };
    case 'after':
      return { kind, jobId: '' };
    case 'manual':
      return { kind };
    default:
      return { kind: 'daily', at: '21:00' };
  }
}

/** A schedule: of which kind, and when. */
export function ScheduleFields(o: {
  readonly schedule: Schedule;
  /** Only a job can follow another one. */
  readonly isOfJob: boolean;
  readonly onChange: (next: Schedule) => void;
}): ReactNode {
  const t = useText();
  return (
    <>
      <NativeSelect
        label={t('jobs.column.schedule')}
        value={o.schedule.kind}
        onChange={({ currentTarget }) => o.onChange(newSchedule(currentTarget.value))}
        data={kinds
          .filter((kind) => kind !== 'after' || o.isOfJob)
          .map((value) => ({ value, label: t(`wizard.schedule.${value}`) }))}
      />
      <FieldsOfKind schedule={o.schedule} onChange={o.onChange} />
    </>
  );
}

function FieldsOfKind(o: { readonly schedule: Schedule; readonly onChange: (next: Schedule) => void }): ReactNode {
  const t = useText();
  const { schedule, onChange } = o;
  const at = (value: string, change: (at: string) => void): ReactNode => (
    <TextInput
      type="time"
      label={t('wizard.at')}
      required
      value={value}
      onChange={({ currentTarget }) => change(currentTarget.value)}
    />
  );
  switch (schedule.kind) {
    case 'manual':
      return null;
    case 'daily':
      return at(schedule.at, (time) => onChange({ ...schedule, at: time }));
    case 'weekly':
      return (
        <>
          <Weekdays days={schedule.days} onChange={(days) => onChange({ ...schedule, days })} />
          {at(schedule.at, (time) => onChange({ ...schedule, at: time }))}
        </>
      );
    case 'monthly':
      return (
        <Group gap="md" align="flex-start">
          <MonthDay on={schedule.on} onChange={(on) => onChange({ ...schedule, on })} />
          {at(schedule.at, (time) => onChange({ ...schedule, at: time }))}
        </Group>
      );
    case 'interval':
      return (
        <>
          <Group gap="md" align="flex-start">
            <NumberInput
              label={t('wizard.every')}
              min={1}
              max={1440}
              required
              value={schedule.everyMinutes}
              onChange={(value) => onChange({ ...schedule, everyMinutes: Number(value) })}
            />
            <TextInput
              type="time"
              label={t('wizard.from')}
              value={schedule.from}
              onChange={({ currentTarget }) => onChange({ ...schedule, from: currentTarget.value })}
            />
            <TextInput
              label={t('wizard.to')}
              value={schedule.to}
              onChange={({ currentTarget }) => onChange({ ...schedule, to: currentTarget.value })}
            />
          </Group>
          <Weekdays days={schedule.days} onChange={(days) => onChange({ ...schedule, days })} />
        </>
      );
    case 'after':
      return <AfterJob jobId={schedule.jobId} onChange={(jobId) => onChange({ ...schedule, jobId })} />;
    case 'cron':
      return (
        <TextInput
          label={t('wizard.cron')}
          description={t('wizard.cron.hint')}
          required
          value={schedule.expression}
          onChange={({ currentTarget }) => onChange({ ...schedule, expression: currentTarget.value })}
        />
      );
  }
}

type On = Extract<Schedule, { kind: 'monthly' }>['on'];
const lastDay = 28;

function MonthDay({ on, onChange }: { readonly on: On; readonly onChange: (on: On) => void }): ReactNode {
  const t = useText();
  const nths = [1, 2, 3, 4, 'last'] as const;
  const value = 'day' in on ? `day ${on.day}` : `nth ${on.nth} ${on.weekday}`;
  const dayOptions = [...Array.from({ length: lastDay }, (_, index) => index + 1), 29, 30, 31, 'last' as const].map(
    (day) => ({
      value: `day ${day}`,
      label: day === 'last' ? t('schedule.last-day') : t('schedule.day', { day }),
      on: { day } satisfies On,
    }),
  );
  const weekdayOptions = nths.flatMap((nth) =>
    weekdays.map((weekday) => ({
      value: `nth ${nth} ${weekday}`,
      label:
        nth === 'last'
          ? t('schedule.last-weekday', { day: t(`weekday.${weekday}`) })
          : t('schedule.nth-weekday', { nth, day: t(`weekday.${weekday}`) }),
      on: { nth, weekday } satisfies On,
    })),
  );
  const options: readonly { readonly value: string; readonly label: string; readonly on: On }[] = [
    ...dayOptions,
    ...weekdayOptions,
  ];
  return (
    <NativeSelect
      label={t('wizard.day')}
      value={value}
      onChange={({ currentTarget }) => {
        const chosen = options.find((option) => option.value === currentTarget.value);
        if (chosen) onChange(chosen.on);
      }}
      data={options.map((option) => ({ value: option.value, label: option.label }))}
    />
  );
}

function AfterJob({ jobId, onChange }: { readonly jobId: string; readonly onChange: (id: string) => void }): ReactNode {
  const t = useText();
  const jobs = useQuery(routeQuery('jobs', { query: { limit: 1000 } }));
  return (
    <Stack gap="xs">
      <NativeSelect
        label={t('wizard.after')}
        required
        value={jobId}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
        data={[
          { value: '', label: t('wizard.after.choose') },
          ...(jobs.data?.jobs ?? []).map(({ id, name }) => ({ value: id, label: name })),
        ]}
      />
    </Stack>
  );
}
