"""Links to the contact of the operator (`FACES_CONTACT`), for wrong results and requests for removal."""

from urllib.parse import quote

from app.settings import OFF
from app.web.uploads import current_settings


def contact_address(subject: str) -> str | None:
    """Return the address of a link: an e-mail with the subject, or the operator's page. None without a contact."""
    contact = current_settings().contact
    if contact == OFF:
        return None
    return contact if contact.startswith("https://") else f"mailto:{quote(contact, safe='@')}?subject={quote(subject)}"
