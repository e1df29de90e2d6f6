"""`python -m fanfare_shared.contracts.schemas`: writes the committed schemas anew."""

from fanfare_shared.contracts.schemas import write_schemas

write_schemas()
