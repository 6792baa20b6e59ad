#!/usr/bin/env python3
"""Goal: what the operator set for a site holds in the real program, over all shards.
Method: mail from several clients (so that both shards have some) to a sink that notes when and over
which connection each message came.
"""

import collections
import datetime
import hashlib
import http.client
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, Scenario, free_port, listening, wait_until  # noqa: E402


class Scheduling(Scenario):
    def submit(self, server, count, clients=6, recipient="r@sink.example"):
        """`count` messages, spread over connections and so over shards."""
        connections = [self.client(server) for _ in range(clients)]
        for number in range(count):
            connections[number % clients].submit(recipients=[recipient])

    def command(self, server, name, *words):
        return subprocess.run([BARID, name, "-c", str(server.directory), *words], check=True, capture_output=True,
                              text=True, timeout=60).stdout

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
                # Any stretch has at most rate * length + burst messages (100 ms for the way).
                least = (last - first + 1 - 3) * 0.1 - 0.1
                self.assertGreaterEqual(times[last] - times[first], least, (first, last))
        self.assertLess(times[-1] - times[0], 27 * 0.1 * 1.5)
        self.rules(f"{out.relayhost}  rate=0")
        server.reload()
        server.wait_log("reload -- configuration")
        self.submit(server, 30)
        times = [m.time for m in out.wait_messages(60)[30:]]
        self.assertLess(times[-1] - times[0], 1)

    def test_a_deferred_transport_waits_for_a_flush(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost, defer_transports="smtp, nonsense", minimal_backoff_time="1h",
                            maximal_backoff_time="1h")
        self.assertIn('there is no transport "nonsense"', server.output() + server.log())
        with self.client(server) as client:
            client.submit(recipients=["a@one.example"])
            server.wait_log(r"error\[\d+\]: \w+: to=<a@one.example>, relay=none, .*dsn=4\.3\.2, status=deferred "
                            r"\(deferred transport\)")
            entry = server.wait_queue(lambda q: q and q[0]["queue_name"] == "deferred", "deferred")[0]
            self.assertEqual(entry["recipients"][0]["delay_reason"], "deferred transport")
            self.assertEqual(entry["attempts"], 0)
            said = self.command(server, "trace", "new@one.example")
            self.assertRegex(said, r"deferred=yes \(defer_transports \(.*main\.cf, line \d+\)\)")
            self.assertEqual(out.messages, [])
            self.command(server, "queue", "flush", "--all")
            out.wait_messages(1)
            client.submit(recipients=["b@one.example"])
            server.wait_log(r"to=<b@one.example>, .*\(deferred transport\)")
        server.configure(defer_transports="")
        server.reload()
        server.wait_log("reload -- ")
        self.command(server, "queue", "flush", "--all")
        out.wait_messages(2)

    def test_what_is_suspended_waits_and_the_rest_goes(self):
        """By site and by tenant, of mail over SMTP and HTTP; domain and stream: queue_commands_test.py."""
        out = self.sink()
        keys = {tenant: tenant + "-key" for tenant in ("red", "blue")}
        table = " ".join("{%s = tenant=%s scopes=send}" % (hashlib.sha256(key.encode()).hexdigest(), tenant)
                         for tenant, key in keys.items())
        smtp, http_port = free_port(), free_port()
        server = self.barid(start=False, relayhost=out.relayhost, minimal_backoff_time="1h", maximal_backoff_time="1h",
                            http_api_key_maps="inline:{ %s }" % table, services=[
                                f"127.0.0.1:{smtp} inet n - n - - smtpd", f"127.0.0.1:{http_port} inet n - n - - httpd"])
        server.port = smtp
        server.start()
        wait_until(lambda: listening(http_port), "HTTP is served")

        def post(tenant):
            connection = http.client.HTTPConnection("127.0.0.1", http_port, timeout=60)
            connection.request("POST", "/emails", json.dumps({
                "from": f"{tenant}@client.example", "to": "x@sink.example", "subject": "x", "text": "x"}), {
                    "content-type": "application/json", "authorization": "Bearer " + keys[tenant]})
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()

        self.command(server, "queue", "suspend", "--tenant", "red", "--reason", "unpaid")
        for tenant in ("red", "blue"):
            post(tenant)
        server.wait_log(r"status=deferred \(delivery temporarily suspended: tenant:red: unpaid\)")
        out.wait_messages(1)
        self.command(server, "queue", "resume", "--tenant", "red")
        out.wait_messages(2)
        self.assertEqual([m.sender for m in out.messages], ["blue@client.example", "red@client.example"])
        site = out.relayhost.replace("[", "").replace("]", "")
        self.command(server, "queue", "suspend", "--site", site)
        post("blue")
        server.wait_log(r"status=deferred \(delivery temporarily suspended: site:")
        self.assertEqual(len(out.messages), 2)
        self.command(server, "queue", "resume", "--site", site)
        out.wait_messages(3)
        server.wait_queue()

    def test_general_rate_and_messages_per_connection(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost, smtp_destination_message_rate="1200/m",
                            default_destination_messages_per_connection="4")
        self.submit(server, 20)
        times = [m.time for m in out.wait_messages(20)]
        self.assertGreaterEqual(times[-1] - times[0], 19 * 0.05 - 0.1)
        per_session = {}
        for message in out.messages:
            per_session[message.session] = per_session.get(message.session, 0) + 1
        self.assertLessEqual(max(per_session.values()), 4)
        self.assertGreaterEqual(len(per_session), 5)

    def test_transport_rate_delay_is_one_delivery_over_shards_and_sites(self):
        out = self.sink()
        server = self.barid(relayhost="", smtp_transport_rate_delay="1s",
                            transport_maps=f"inline:{{ a.example=smtp:{out.relayhost} b.example=smtp:{out.relayhost} }}")
        for number in range(4):
            self.submit(server, 1, clients=1, recipient=f"r@{'ab'[number % 2]}.example")
        times = [m.time for m in out.wait_messages(4)]
        for first, second in zip(times, times[1:]):
            self.assertGreaterEqual(second - first, 0.95)

    def test_a_rule_limits_the_recipients_of_a_delivery(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost,
                            destination_policy_maps=self.rules(f"{out.relayhost}  recipients=3"))
        self.client(server).submit(recipients=[f"r{n}@sink.example" for n in range(8)])
        out.wait_messages(3)
        self.assertEqual(sorted(len(m.recipients) for m in out.messages), [2, 3, 3])

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

    def test_explain_says_which_rule_gave_each_value(self):
        out = self.sink()
        server = self.barid(
            relayhost="", transport_maps="inline:{ no.example=error:5.7.1 }", smtp_destination_concurrency_limit="7",
            egress_pool_maps="inline:{ {news = 127.0.0.2} }",
            smtp_transport_rate_delay="2s",
            destination_policy_maps=self.rules("* dead_time=9s recipients=9", ".far.example  rate=600/m burst=4",
                                               "a.far.example  concurrency=3 pool=news"))

        def explain(*words):
            return subprocess.run([BARID, "queue", "-c", str(server.directory), "shape", *words],
                                  capture_output=True, text=True, timeout=10)

        done = explain("--explain", "a.far.example", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual([answer[n] for n in ("transport", "next_hop", "site", "pool")],
                         ["smtp", "a.far.example", "a.far.example", "news"])
        values = {row["name"]: (row["value"], row["from"]) for row in answer["settings"]}
        policy = f"texthash:{self.directory}/policy"
        self.assertEqual(values["concurrency"], ("3", f"a.far.example in {policy}"))
        self.assertEqual(values["rate"], ("10/s", f".far.example in {policy}"))
        self.assertEqual(values["dead_time"], ("9s", f"* in {policy}"))
        self.assertEqual(values["rate_delay"], ("0s", "default_destination_rate_delay (default)"))
        self.assertEqual(values["recipients"], ("9", f"* in {policy}"))
        self.assertEqual(values["transport_rate_delay"][0], "2s")
        self.assertRegex(values["transport_rate_delay"][1], r"^smtp_transport_rate_delay \(.*main.cf, line \d+\)$")
        rows = explain("--explain", "b.example").stdout
        self.assertRegex(rows, r"(?m)^concurrency +7 +smtp_destination_concurrency_limit \(.*main.cf, line \d+\)$")
        self.assertRegex(rows, r"(?m)^site +b.example$")
        self.assertRegex(explain("--explain", "no.example").stdout, r"(?m)^transport +error\nnext_hop +5.7.1$")
        for words, status, text in ((["--explain"], 64, 'no value for "--explain"'),
                                    (["--explain", "a@b"], 65, "say a domain")):
            done = explain(*words)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(text, done.stderr)
        self.assertEqual(out.messages, [])

    def test_pools_and_weights(self):
        """Connections go round the addresses by weight; a rule names another pool."""
        out, other = self.sink(), self.sink()
        server = self.barid(
            relayhost=out.relayhost, transport_maps="inline:{ other.example=:%s }" % other.relayhost,
            egress_pool_maps="inline:{ {shared = 127.0.0.2=3 127.0.0.3} {one = 127.0.0.4} }",
            default_egress_pool="shared", destination_policy_maps=self.rules(f"{other.relayhost} pool=one"),
            default_destination_messages_per_connection="1")
        self.submit(server, 40)
        out.wait_messages(40)
        counts = collections.Counter(m.session.address[0] for m in out.messages)
        self.assertEqual(set(counts), {"127.0.0.2", "127.0.0.3"})
        self.assertAlmostEqual(counts["127.0.0.3"], 10, delta=3)
        self.submit(server, 5, recipient="r@other.example")
        other.wait_messages(5)
        self.assertEqual({s.address[0] for s in other.sessions}, {"127.0.0.4"})

    def test_an_address_that_is_not_ours_or_of_the_wrong_family_sends_nothing(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost, default_egress_pool="far",
                            egress_pool_maps="inline:{ {far = 192.0.2.77} {six = ::1} }",
                            smtp_bind_address_enforce="no")
        self.submit(server, 1, clients=1)
        server.wait_log(r"dsn=4.4.0, status=deferred \(server configuration error\)")
        server.configure(default_egress_pool="six")
        server.reload()
        server.wait_log(r"dsn=4.3.5, status=deferred \(egress pool \"six\" has no IPv4 address\)")
        self.assertEqual(out.messages, [])
        server.configure(default_egress_pool="none")
        server.reload()
        server.wait_log(r"reload refused: .*main.cf, line \d+: default_egress_pool: there is no egress pool \"none\"")

    def test_warm_up_plan(self):
        """The plan of the day holds over shards, restart and kill; then warm addresses go on."""
        out = self.sink()
        today = datetime.datetime.now(datetime.timezone.utc).date()
        server = self.barid(relayhost=out.relayhost, default_egress_pool="new",
                            egress_pool_maps="inline:{ {new = 127.0.0.2} }",
                            warmup_maps="inline:{ {127.0.0.2 = start=%s 7 100} }" % today)
        self.submit(server, 20)
        out.wait_messages(7)
        reason = "warm-up of egress pool \"new\": today's messages to 127.0.0.1:%d are sent" % out.port
        entries = server.wait_queue(lambda found: len(found) == 13 and all(
            reason in (e["recipients"][0].get("delay_reason") or "") for e in found), "13 that wait with the reason")
        for entry in entries:
            self.assertEqual(entry["attempts"], 0, entry)
            self.assertEqual(datetime.datetime.fromtimestamp(entry["next_attempt"], datetime.timezone.utc).date(),
                             today + datetime.timedelta(days=1), entry)
        self.assertEqual(server.stop(), 0)
        server.start()
        self.submit(server, 2)
        server.wait_queue(lambda found: len(found) == 15, "15 that wait")
        server.kill()
        server.start()
        self.submit(server, 2)
        server.wait_queue(lambda found: len(found) == 17 and all(e["attempts"] == 0 for e in found), "17 that wait")
        self.assertEqual(len(out.messages), 7)
        server.configure(egress_pool_maps="inline:{ {new = 127.0.0.2 127.0.0.3} }")
        server.reload()
        server.wait_log("reload -- configuration")
        subprocess.run([BARID, "queue", "-c", str(server.directory), "flush", "--all"], check=True,
                       capture_output=True)
        out.wait_messages(24)
        counts = collections.Counter(m.session.address[0] for m in out.messages)
        self.assertEqual(counts, {"127.0.0.2": 7, "127.0.0.3": 17})


if __name__ == "__main__":
    unittest.main()
