#!/usr/bin/env python3
"""Goal: what the operator set for a site holds in the real program, over all shards.
Method: mail from several clients (so that both shards have some) to a sink that notes when and over
which connection each message came.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import Scenario  # noqa: E402


class Scheduling(Scenario):
    def submit(self, server, count, clients=6, recipient="r@sink.example"):
        """`count` messages, spread over connections and so over shards."""
        connections = [self.client(server) for _ in range(clients)]
        for number in range(count):
            connections[number % clients].submit(recipients=[recipient])

    def rules(self, *lines):
        path = self.directory / "policy"
        path.write_text("".join(line + "\n" for line in lines))
        return f"texthash:{path}"

    def test_rate_is_exact_over_shards_and_follows_a_reload(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost,
                            destination_policy_maps=self.rules(f"{out.relayhost}  rate=10/s burst=3"))
        self.submit(server, 30)
        times = [m.time for m in out.wait_messages(30)]
        for first in range(30):
            for last in range(first + 3, 30):
                # Any stretch has at most rate * length + burst messages (20 ms for the way).
                least = (last - first + 1 - 3) * 0.1 - 0.02
                self.assertGreaterEqual(times[last] - times[first], least, (first, last))
        self.assertLess(times[-1] - times[0], 27 * 0.1 * 1.5)
        self.rules(f"{out.relayhost}  rate=0")
        server.reload()
        server.wait_log("reload -- configuration")
        self.submit(server, 30)
        times = [m.time for m in out.wait_messages(60)[30:]]
        self.assertLess(times[-1] - times[0], 1)

    def test_general_rate_and_messages_per_connection(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost, smtp_destination_message_rate="1200/m",
                            default_destination_messages_per_connection="4")
        self.submit(server, 20)
        times = [m.time for m in out.wait_messages(20)]
        self.assertGreaterEqual(times[-1] - times[0], 19 * 0.05 - 0.02)
        per_session = {}
        for message in out.messages:
            per_session[message.session] = per_session.get(message.session, 0) + 1
        self.assertLessEqual(max(per_session.values()), 4)
        self.assertGreaterEqual(len(per_session), 5)

    def test_bad_values_are_refused_at_start_and_at_reload(self):
        server = self.barid(start=False, destination_policy_maps=self.rules("x.example rate=fast"))
        status, said = server.refused()
        self.assertEqual(status, 78)
        self.assertRegex(said, r"main.cf, line \d+: destination_policy_maps: texthash:.*/policy: x.example: "
                               r"rate: \"fast\" is not messages a time such as 10/s")
        self.rules("x.example rate=1/s")
        server.start()
        self.rules("x.example speed=1")
        server.reload()
        server.wait_log(r"reload refused: .*x.example: \"speed=1\" is no name=value of these names: concurrency,")


if __name__ == "__main__":
    unittest.main()
