import { Stack } from '@mantine/core';
import { rich, t } from '@/i18n';
import { Notice } from '@/ui/Notice';
import type { MergePreview } from '../queries';

/** What would become of what if one tenant took over another, and what stands in the way. */
export function MergeOutlook({ preview }: { preview: MergePreview }) {
  const { in_the_way: obstacles, plans, members, roles } = preview;
  return (
    <Stack gap="xs">
      {obstacles.length > 0 && (
        <Notice tone="bad" title={t('tenancy.merge.inTheWay')}>
          {obstacles.map(({ code, pointer, message }) => (
            <div key={`${code}${pointer}${message}`}>{message}</div>
          ))}
        </Notice>
      )}
      <div>{t('tenancy.merge.below', { children: preview.children, all: preview.tenants_below })}</div>
      {plans.length > 0 && (
        <Part title={t('tenancy.merge.plans')}>
          {plans.map((plan) => (
            <li key={plan.id}>
              {rich('tenancy.merge.plan', { name: <strong>{plan.becomes}</strong>, count: <>{plan.subscribers}</> })}
            </li>
          ))}
        </Part>
      )}
      {roles.length > 0 && (
        <Part title={t('tenancy.merge.roles')}>
          {roles.map((role) => (
            <li key={role.id}>{role.becomes}</li>
          ))}
        </Part>
      )}
      {members.length > 0 && (
        <Part title={t('tenancy.merge.people')}>
          {members.map((member) => (
            <li key={member.user_id} className="mp-break">
              {rich(`tenancy.merge.arrival.${member.arrival}`, { person: <strong>{member.email}</strong>, role: <>{member.role_name ?? member.role}</> })}
            </li>
          ))}
        </Part>
      )}
      <Notice tone="warn">{t('tenancy.merge.rest', { name: preview.tenant.name })}</Notice>
    </Stack>
  );
}

function Part({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <div>
      <div>{title}</div>
      <ul className="mp-plain">{children}</ul>
    </div>
  );
}
