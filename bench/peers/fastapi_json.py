"""The same service for leads in JSON: pydantic reads the body at once, and no form is taken apart in Python."""

from fastapi import Depends, FastAPI
from fastapi_sqlite import Lead, authenticate, make_table, store

app = FastAPI(lifespan=make_table)


@app.post("/leads", dependencies=[Depends(authenticate)])
def receive_lead(lead: Lead):
    if lead_id := store(lead):
        return {"valid": True, "uniqueid": lead_id, "sale_amount": "25.00", "email": lead.email}
    return {"valid": False, "note": "This email address was already submitted"}
