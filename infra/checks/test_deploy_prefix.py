"""infra/deploy tells the fleet the prefix of the inbox that the storage stack has."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import deploying
from deploying import MODEL, fake_aws, running


class Prefix(deploying.OnASmallAccount):
    """Both stacks have a parameter InboxPrefix; arrivals outside it are ignored."""

    def storage(self, prefix):
        """A storage stack that is there with another prefix, and no fleet."""
        state = running()
        name = "annexa-storage"
        outputs = {**fake_aws.storage_outputs("annexa"), "InboxPrefix": prefix}
        told = {"FleetName": "annexa", "InboxPrefix": prefix}
        return {**state, "stacks": {name: fake_aws.stack(name, parameters=told, outputs=outputs)}}

    def test_a_fleet_that_is_new_beside_old_storage_takes_up_its_prefix(self):
        account = self.account(**self.storage("drop/"))
        self.done(account.deploy("--model", MODEL, "--yes"))
        self.assertEqual(account.parameters("annexa-fleet")["InboxPrefix"], "drop/")
        self.assertIs(account.parameters("annexa-storage")["InboxPrefix"], True)

    def test_another_prefix_is_told_to_both_stacks(self):
        account = self.account(**running())
        self.done(account.deploy("--yes", "--param", "InboxPrefix=drop/"))
        for part in ("storage", "fleet"):
            self.assertEqual(account.parameters(f"annexa-{part}")["InboxPrefix"], "drop/", part)


if __name__ == "__main__":
    unittest.main()
