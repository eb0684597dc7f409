"""Users by SCIM against the running Rollcall."""

from tests.scim.idp import Idp, replaces


def test_a_user_is_made_read_changed_and_deleted(idp: Idp) -> None:
    made = idp.post_user("ann")
    assert made.status_code == 201, made.text
    ann = made.json()
    assert made.headers["location"] == ann["meta"]["location"]
    assert idp.http.get(f"Users/{ann['id']}").json() == ann
    patched = idp.patch(f"Users/{ann['id']}", replaces("title", "Lead"))
    assert patched.status_code == 200, patched.text
    assert patched.json()["title"] == "Lead"
    assert idp.http.get(f"Users/{ann['id']}").json() == patched.json()
    gone = idp.http.delete(f"Users/{ann['id']}")
    assert gone.status_code == 204, gone.text
    assert idp.http.get(f"Users/{ann['id']}").status_code == 404
    assert idp.found('userName eq "ann@acme.example"') == []
