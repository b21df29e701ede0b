//! What Graph says of the organization itself.

use serde_json::json;

use crate::answer::{Answer, GRAPH_JSON, Refusal};
use crate::graph::Asked;
use crate::rights::Rights;
use crate::tenant::Tenant;

/// `/organization`.
pub(crate) fn answer(asked: &Asked<'_>, tenant: &Tenant, rights: Rights) -> Result<Answer, Refusal> {
    asked.query.only(&["$select"])?;
    if !rights.organization {
        return Err(Refusal::denied());
    }
    let mut organization = json!({
        "id": asked.tenant_id,
        "displayName": tenant.domain(),
        "createdDateTime": "2024-03-01T08:00:00Z",
        "tenantType": "AAD",
        "onPremisesSyncEnabled": null,
        "verifiedDomains": [{
            "capabilities": "Email, OfficeCommunicationsOnline",
            "isDefault": true,
            "isInitial": true,
            "name": tenant.domain(),
            "type": "Managed",
        }],
    });
    let mut context = format!("{}/$metadata#organization", asked.base);
    if let Some(select) = asked.query.get("$select") {
        let names: Vec<&str> = select.split(',').map(str::trim).collect();
        if let Some(fields) = organization.as_object_mut() {
            if let Some(unknown) = names.iter().find(|name| !fields.contains_key(**name)) {
                return Err(Refusal::no_property(unknown, "organization"));
            }
            fields.retain(|name, _| name == "id" || names.contains(&name.as_str()));
        }
        context = format!("{context}({})", names.join(","));
    }
    let body = json!({ "@odata.context": context, "value": [organization] });
    Ok(Answer::new(200, GRAPH_JSON, body.to_string()))
}
