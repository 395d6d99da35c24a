import type { JobSettings } from '@holdfast/protocol';
import { Group, NativeSelect, NumberInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';

type Retention = JobSettings['retention'];

const keeps = ['days', 'points'] as const;
const longTerms = ['weekly', 'monthly', 'yearly'] as const;

/** How long backups are kept: by these rules, or as something else says, or nothing does. */
export function KeepFields(o: {
  readonly retention: Retention;
  /** What holds without rules. */
  readonly otherwise: string;
  readonly onChange: (retention: Retention) => void;
}): ReactNode {
  const t = useText();
  const { retention, onChange } = o;
  const choose = (value: string): void => {
    if (value === 'days') onChange({ ...retention, keep: { by: 'days', days: 30 } });
    else if (value === 'points') onChange({ ...retention, keep: { by: 'points', points: 30 } });
    else onChange(undefined);
  };
  const keep = retention?.keep;
  return (
    <>
      <Group gap="md" align="flex-start">
        <NativeSelect
          label={t('wizard.keep')}
          value={keep?.by ?? ''}
          onChange={({ currentTarget }) => choose(currentTarget.value)}
          data={[
            { value: '', label: o.otherwise },
            ...keeps.map((value) => ({ value, label: t(`wizard.keep.${value}`) })),
          ]}
        />
        {keep?.by === 'days' && (
          <NumberInput
            label={t('wizard.keep.count-days')}
            min={1}
            value={keep.days}
            onChange={(value) => onChange({ ...retention, keep: { by: 'days', days: Number(value) } })}
          />
        )}
        {keep?.by === 'points' && (
          <NumberInput
            label={t('wizard.keep.count-points')}
            min={3}
            value={keep.points}
            onChange={(value) => onChange({ ...retention, keep: { by: 'points', points: Number(value) } })}
          />
        )}
      </Group>
      {retention && (
        <Group gap="md" align="flex-start">
          {longTerms.map((term) => (
            <NumberInput
              key={term}
              label={t(`wizard.keep.${term}`)}
              min={1}
              value={retention.gfs?.[term] ?? ''}
              onChange={(value) => {
                const { [term]: _before, ...rest } = retention.gfs ?? {};
                const gfs = value === '' ? rest : { ...rest, [term]: Number(value) };
                const { gfs: _gfs, ...plain } = retention;
                onChange(Object.keys(gfs).length === 0 ? plain : { ...plain, gfs });
              }}
            />
          ))}
        </Group>
      )}
    </>
  );
}
