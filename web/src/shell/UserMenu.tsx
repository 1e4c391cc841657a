import { ActionIcon, Menu, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { CircleUserRound, LogOut, MonitorSmartphone, UserCog } from 'lucide-react';
import { useActing } from '@/api/acting';
import { logOut, useMe } from '@/api/session';
import { t } from '@/i18n';
import { errorText } from '@/ui/feedback';
import { toast } from '@/ui/toast';

export function UserMenu() {
  const me = useMe();
  const { paths } = useActing();
  const client = useQueryClient();
  const navigate = useNavigate();
  const leave = async () => {
    try {
      await navigate({ to: '/login' });
      await logOut(client);
    } catch (error) {
      toast(errorText(error));
    }
  };
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t('shell.user.menu')}>
          <CircleUserRound size={19} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="md" c="var(--mp-text)" fw={550} truncate>
            {me.user.name}
          </Text>
          <Text size="sm" truncate>
            {me.user.email}
          </Text>
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item component={Link} to={paths.profile} leftSection={<UserCog size={15} />}>
          {t('shell.nav.profile')}
        </Menu.Item>
        <Menu.Item component={Link} to={paths.sessions} leftSection={<MonitorSmartphone size={15} />}>
          {t('shell.nav.sessions')}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<LogOut size={15} />} onClick={() => void leave()}>
          {t('shell.user.logOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
