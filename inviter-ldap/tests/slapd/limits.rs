//! More people than a page, and servers that give no more than a part.

use inviter_core::{IdentityProvider as _, provider::AdviceKind};
use inviter_ldap::{Bind, LdapConfig, Preset};
use inviter_testkit::{
    Ldif, Slapd, SlapdOptions,
    ldap::{LdapProxy, Moment, Operation},
};

use crate::picture::{config, provider, read, tells};

const SUFFIX: &str = "dc=example,dc=test";
const PEOPLE: usize = 2_600;

/// 2,600 people, 26 groups of a hundred, and one of all these groups.
fn population() -> Ldif {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.account("reader", "s3cret", &[]);
    let mut groups = Vec::new();
    for hundred in 0..PEOPLE / 100 {
        let mut members = Vec::new();
        for n in 0..100 {
            let uid = format!("p{hundred:02}{n:02}");
            ldif.person(&uid, &[]);
            members.push(ldif.person_dn(&uid));
        }
        let name = format!("g{hundred:02}");
        ldif.group_of_names(&name, &members);
        groups.push(ldif.group_dn(&name));
    }
    ldif.group_of_names("all", &groups);
    ldif
}

fn as_reader(slapd: &Slapd, url: &str) -> LdapConfig {
    let mut config = config(slapd, Preset::GroupOfNames);
    config.urls = vec![url.to_owned()];
    config.bind = Bind::Simple {
        dn: slapd.account_dn("reader"),
        password: "s3cret".into(),
    };
    config
}

#[tokio::test]
async fn page_by_page() {
    let slapd = Slapd::start(SlapdOptions::new().ldif(population()))
        .await
        .unwrap();
    let address = slapd.url().trim_start_matches("ldap://").parse().unwrap();
    let proxy = LdapProxy::start(address).await.unwrap();
    let config = as_reader(&slapd, &proxy.url());
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.0.accounts.len(), PEOPLE);
    assert_eq!(picture.0.groups.len(), 27);
    assert!(
        picture
            .0
            .groups
            .iter()
            .all(|group| group.members.values.len() == 100 || &*group.name == "all")
    );

    // Six pages of people and one of groups, and nothing that nobody needs.
    let searches = proxy.searches();
    assert_eq!(searches.len(), 7, "{searches:#?}");
    for search in &searches {
        let wanted = |name: &String| !["*", "+"].contains(&name.as_str());
        assert!(
            !search.attributes.is_empty() && search.attributes.iter().all(wanted),
            "{search:?}"
        );
        assert!(
            !search
                .attributes
                .iter()
                .any(|name| name.eq_ignore_ascii_case("mail")),
            "{search:?}"
        );
        assert_eq!(search.page.as_ref().map(|page| page.size), Some(500));
    }
    let binds = proxy.requests();
    let binds = binds
        .iter()
        .filter(|request| matches!(request.operation, Operation::Bind { .. }));
    assert_eq!(binds.count(), 1);
}

#[tokio::test]
async fn size_limits() {
    let options = SlapdOptions::new().ldif(population());
    let stock = Slapd::start(options.clone().stock_size_limit()).await.unwrap();
    let picture = read(&as_reader(&stock, stock.url())).await.unwrap();
    // OpenLDAP counts all pages together.
    tells(
        &picture.listing(),
        &[
            "people below ou=people",
            "stopped at its size limit",
            "sizeLimitExceeded, 4",
        ],
    );
    // Those who were not listed are found one by one where groups name them.
    assert!(picture.incomplete().is_empty(), "{:?}", picture.incomplete());
    assert_eq!(picture.0.accounts.len(), PEOPLE);

    // A limit below the page: the server may give nothing at all, and a smaller page is tried.
    let limits = format!("limits dn.exact=\"cn=reader,{SUFFIX}\" size=100");
    let small = Slapd::start(options.clone().database(&limits)).await.unwrap();
    let picture = read(&as_reader(&small, small.url())).await.unwrap();
    tells(&picture.listing(), &["people below ou=people", "size limit"]);

    // The total is not limited where only pages are.
    let limits = format!(
        "limits dn.exact=\"cn=reader,{SUFFIX}\" size.soft=100 size.hard=100 size.pr=100 size.prtotal=unlimited"
    );
    let paged = Slapd::start(options.database(&limits)).await.unwrap();
    let picture = read(&as_reader(&paged, paged.url())).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.0.accounts.len(), PEOPLE);
    let advice = provider(as_reader(&paged, paged.url())).advice().await;
    assert!(
        advice.iter().all(|advice| advice.kind == AdviceKind::Fine),
        "{advice:?}"
    );
}

/// A connection that ends in the middle: what was read stays read, and nothing more is claimed.
#[tokio::test]
async fn cut_off() {
    let slapd = Slapd::start(SlapdOptions::new().ldif(population()))
        .await
        .unwrap();
    let address = slapd.url().trim_start_matches("ldap://").parse().unwrap();
    let proxy = LdapProxy::start(address).await.unwrap();
    let mut config = as_reader(&slapd, &proxy.url());

    // In the third page of people: no group was read, so there is nothing to go by.
    proxy.cut(Moment::Search(3));
    let error = read(&config).await.unwrap_err();
    tells(
        &error.to_string(),
        &["ended the connection in the middle", "127.0.0.1"],
    );

    // In the second page of groups: those of the first are what they are.
    config.page_size = 20;
    let pages_of_people = PEOPLE.div_ceil(20);
    proxy.clear();
    proxy.cut(Moment::Search(pages_of_people + 2));
    let picture = read(&config).await.unwrap();
    tells(
        &picture.listing(),
        &["groups below ou=groups", "ended the connection"],
    );
    assert_eq!(picture.0.groups.len(), 20);
    let incomplete: Vec<_> = picture.incomplete().into_keys().collect();
    assert!(incomplete.iter().all(|name| *name == "all"), "{incomplete:?}");

    // Another server takes over.
    proxy.cut(Moment::Search(pages_of_people + 2));
    config.urls.push(slapd.url().to_owned());
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.0.groups.len(), 27);
}
