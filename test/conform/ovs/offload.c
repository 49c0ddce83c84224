/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Switches the offloads of a network device on or off from inside a guest, where there is no
 * ethtool: offload <device> on|off|show. Prints each one's state afterwards.
 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
	const char *name;
	unsigned int get, set;
} offloads[] = {
	{"rx-checksum", ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM},
	{"tx-checksum", ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
	{"scatter-gather", ETHTOOL_GSG, ETHTOOL_SSG},
	{"tso", ETHTOOL_GTSO, ETHTOOL_STSO},
	{"gso", ETHTOOL_GGSO, ETHTOOL_SGSO},
	{"gro", ETHTOOL_GGRO, ETHTOOL_SGRO},
};

#define OFFLOADS (sizeof(offloads) / sizeof(offloads[0]))

/* One ethtool request on the device; *data in and out. */
static int
request(int fd, const char *device, unsigned int command, unsigned int *data)
{
	struct ethtool_value value = {.cmd = command, .data = *data};
	struct ifreq ifr = {0};
	int rc;

	strncpy(ifr.ifr_name, device, sizeof(ifr.ifr_name) - 1);
	ifr.ifr_data = (void *)&value;
	rc = ioctl(fd, SIOCETHTOOL, &ifr);
	*data = value.data;
	return rc;
}

static void
set_all(int fd, const char *device, bool on)
{
	/* On: what others depend on first; off: the other way round. */
	for (size_t n = 0; n < OFFLOADS; n++) {
		size_t i = on ? n : OFFLOADS - 1 - n;
		unsigned int data = on;

		if (request(fd, device, offloads[i].set, &data) < 0)
			printf("%s=refused ", offloads[i].name);
	}
}

int
main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc != 3 || fd < 0)
		return 2;
	if (strcmp(argv[2], "show") != 0)
		set_all(fd, argv[1], strcmp(argv[2], "on") == 0);
	for (size_t i = 0; i < OFFLOADS; i++) {
		unsigned int data = 0;

		if (request(fd, argv[1], offloads[i].get, &data) < 0)
			return 1;
		printf("%s=%s ", offloads[i].name, data ? "on" : "off");
	}
	printf("\n");
	close(fd);
	return 0;
}
